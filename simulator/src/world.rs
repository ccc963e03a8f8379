//! The event loop: callers, clients, the limiter and the provider in virtual time.
//!
//! The limiter ([`Pool`]) and the controllers ([`ControlLoop`]) are those that run live; here they are only
//! told another time.

use std::collections::VecDeque;

use adaptive::{ControlLoop, Feedback, Outcome, Signal};
use limiter_core::{Decision, Grant, Limits, Micros, Pool, Request, Ticket, Time, Window};
use rand::RngExt;
use slab::Slab;

use crate::arrivals::{Arrival, Course, Gaps, Source, worker_call};
use crate::attempt::{Attempt, AttemptOutcome, Recorder};
use crate::client::{AnswerTime, TokenEstimate, pause};
use crate::oracle::Oracle;
use crate::provider::{Account, Offer, Verdict};
use crate::queue::EventQueue;
use crate::scenario::{Process, Scenario};
use crate::stream::{Stream, Streams, Subsystem, log_normal};
use crate::tally::{Ending, Gauge, Run, Tally};
use crate::trace::{TraceCall, TraceError};

/// What stands between the clients and the provider.
#[derive(Debug)]
pub enum Gate {
    /// Nothing.
    Open,
    /// The limiter, and who sets its limits.
    Limiter {
        /// How it counts.
        window: Window,
        /// Who sets its limits.
        pilot: Pilot,
    },
}

/// Who sets the limiter's limits.
#[derive(Debug)]
pub enum Pilot {
    /// A controller, as it runs live.
    Loop(Box<ControlLoop>),
    /// One who knows the provider's limits; the span is its pacing.
    Oracle(Oracle, Micros),
}

/// One run: a scenario under one controller, one replication.
pub struct World<'a, R> {
    scenario: &'a Scenario,
    streams: Streams,
    now: Time,
    queue: EventQueue<Event>,
    source: Source<'a>,
    account: Account<'a>,
    limiter: Option<Limiter>,
    calls: Slab<Call>,
    sessions: Slab<Course>,
    /// Calls that each worker has made.
    worked: Vec<u32>,
    others: Option<Gaps<'a>>,
    estimate: TokenEstimate,
    answer_time: AnswerTime,
    /// Completions on their way to the store: all take equally long, so they arrive in order.
    completions: VecDeque<Completion>,
    tally: Tally<'a>,
    recorder: R,
    events: u64,
}

struct Limiter {
    pool: Pool<usize>,
    pilot: Pilot,
    /// The earliest moment at which the queue is already going to be looked at.
    looks_at: Time,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// A session's next calls arrive.
    Stage(usize),
    /// A worker makes its next call.
    Work(u32),
    /// A call asks the limiter for a permit; without a limiter, it is sent.
    Ask(usize),
    /// A call's patience ends, if it still waits with this ticket.
    Expire(usize, Ticket),
    /// The limiter's queue is looked at.
    Look,
    /// An attempt reaches the provider.
    Reach(usize),
    /// Its answer reaches the client, or its deadline passes.
    Answer(usize),
    /// A completion reaches the store.
    Complete,
    /// Whoever sets the limits is woken.
    Turn,
    /// A call of somebody else on the account.
    Other,
}

/// A call that is under way.
#[derive(Debug)]
struct Call {
    number: u64,
    process: u32,
    origin: Origin,
    arrival: Time,
    deadline: Time,
    input_tokens: u32,
    output_tokens: u32,
    service: Micros,
    priority: limiter_core::Priority,
    /// Attempts so far.
    attempt: u32,
    ticket: Option<Ticket>,
    grant: Option<Grant>,
    granted: Time,
    /// What the client will learn when the answer is there.
    answer: Answer,
    /// The delays and pauses of this attempt.
    chance: Stream,
}

#[derive(Clone, Copy, Debug)]
enum Origin {
    Open,
    Session(usize),
    Worker(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Success,
    Refused(Signal),
    /// None before the deadline.
    Nothing,
}

struct Completion {
    grant: Grant,
    outcome: Outcome,
    used: Option<u64>,
}

impl<'a, R: Recorder> World<'a, R> {
    /// A world at its beginning; arrivals come from `source`.
    pub fn new(
        scenario: &'a Scenario,
        source: Source<'a>,
        gate: Gate,
        streams: Streams,
        recorder: R,
    ) -> Self {
        let limiter = match gate {
            Gate::Open => None,
            Gate::Limiter { window, pilot } => {
                let start = match &pilot {
                    Pilot::Loop(control) => *control.limits(),
                    Pilot::Oracle(..) => Limits::default(),
                };
                Some(Limiter { pool: Pool::new(window, start), pilot, looks_at: Time::MAX })
            }
        };
        let others = scenario.provider.foreign.values().any(|rate| rate > 0.0).then(|| {
            // The rate is given a minute, gaps are told it an hour.
            Gaps::new(&scenario.provider.foreign, 60.0, streams.of(Subsystem::Foreign), scenario.horizon)
        });
        Self {
            scenario,
            streams,
            now: Time::ZERO,
            queue: EventQueue::new(),
            source,
            account: Account::new(&scenario.provider),
            limiter,
            calls: Slab::new(),
            sessions: Slab::new(),
            worked: Vec::new(),
            others,
            estimate: TokenEstimate::default(),
            answer_time: AnswerTime::default(),
            completions: VecDeque::new(),
            tally: Tally::new(scenario),
            recorder,
            events: 0,
        }
    }

    /// Runs until the horizon, and then until every call has ended. `on_hour` is told of each hour's end.
    ///
    /// # Errors
    /// Where a trace cannot be read on.
    pub fn run(mut self, mut on_hour: impl FnMut()) -> Result<(Run, R), TraceError> {
        self.begin();
        let hour = Micros::from_secs(3_600);
        let mut hour_ends = Time::ZERO + hour;
        loop {
            let arrives = self.source.next_at().unwrap_or(Time::MAX);
            let happens = self.queue.next_at().unwrap_or(Time::MAX);
            let next = arrives.min(happens);
            if next == Time::MAX {
                break;
            }
            self.now = next;
            self.events += 1;
            while self.now >= hour_ends && hour_ends <= self.scenario.horizon {
                on_hour();
                hour_ends = hour_ends + hour;
            }
            if self.tally.is_due(self.now) {
                let gauge = self.gauge();
                self.tally.roll(self.now, gauge);
            }
            if arrives <= happens {
                self.arrive()?;
            } else if let Some((_, event)) = self.queue.pop() {
                self.handle(event);
            }
        }
        let gauge = self.gauge();
        Ok((self.tally.finish(gauge, self.events), self.recorder))
    }

    fn begin(&mut self) {
        self.turn();
        if let Process::Saturated { workers, think } = self.scenario.arrivals.process
            && matches!(self.source, Source::Workers)
        {
            self.worked = vec![0; workers.get() as usize];
            let mut chance = self.streams.of(Subsystem::Arrivals);
            for worker in 0..workers.get() {
                let start = Micros::from_secs_f64(think.as_secs_f64() * chance.random::<f64>());
                self.queue.schedule(Time::ZERO + start, Event::Work(worker));
            }
        }
        self.schedule_other();
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Stage(session) => self.begin_stage(session),
            Event::Work(worker) => {
                let made = &mut self.worked[worker as usize];
                let number = worker_call(worker, *made);
                *made += 1;
                self.make_call(number, worker, Origin::Worker(worker), None);
            }
            Event::Ask(call) => self.ask(call),
            Event::Expire(call, ticket) => self.expire(call, ticket),
            Event::Look => {
                if let Some(limiter) = &mut self.limiter {
                    limiter.looks_at = Time::MAX;
                }
                self.serve();
            }
            Event::Reach(call) => self.reach(call),
            Event::Answer(call) => self.answer(call),
            Event::Complete => self.complete(),
            Event::Turn => self.turn(),
            Event::Other => self.other(),
        }
    }

    fn arrive(&mut self) -> Result<(), TraceError> {
        match self.source.take()? {
            Some(Arrival::Call(number)) => self.make_call(number, number as u32, Origin::Open, None),
            Some(Arrival::Traced(number, call)) => {
                self.make_call(number, number as u32, Origin::Open, Some(&call));
            }
            Some(Arrival::Session(number)) => {
                if let Source::Sessions { mix, .. } = self.source {
                    let session = self.sessions.insert(Course::new(number, mix, &self.streams));
                    self.begin_stage(session);
                }
            }
            None => {}
        }
        Ok(())
    }

    fn begin_stage(&mut self, session: usize) {
        let numbers = self.sessions[session].begin_stage();
        if numbers.is_empty() || self.now >= self.scenario.horizon {
            self.sessions.remove(session);
            return;
        }
        for number in numbers {
            // A session belongs to one process: that of the user's request.
            let process = (number / 10_000) as u32;
            self.make_call(number, process, Origin::Session(session), None);
        }
    }

    fn make_call(&mut self, number: u64, turn: u32, origin: Origin, traced: Option<&TraceCall>) {
        let arrivals = &self.scenario.arrivals;
        let clients = &self.scenario.clients;
        let mut chance = self.streams.tied(Subsystem::Calls, number, 0);
        let mut tokens = |distribution| log_normal(distribution, &mut chance).round().max(1.0) as u32;
        let drawn = (tokens(&arrivals.input_tokens), tokens(&arrivals.output_tokens));
        let input_tokens = traced.and_then(|call| call.input_tokens).unwrap_or(drawn.0);
        let output_tokens = traced.and_then(|call| call.output_tokens).unwrap_or(drawn.1);
        let service = traced.and_then(|call| call.latency).unwrap_or_else(|| {
            Micros::from_secs_f64(self.scenario.provider.latency.of(output_tokens, &mut chance))
        });
        let call = self.calls.insert(Call {
            number,
            process: turn % clients.processes,
            origin,
            arrival: self.now,
            deadline: self.now + clients.deadline,
            input_tokens,
            output_tokens,
            service,
            priority: traced.and_then(|call| call.priority).map(limiter_core::Priority).unwrap_or_default(),
            attempt: 0,
            ticket: None,
            grant: None,
            granted: self.now,
            answer: Answer::Nothing,
            chance,
        });
        self.try_once(call);
    }

    /// The client wants to make an attempt now.
    fn try_once(&mut self, call: usize) {
        if self.limiter.is_some() {
            self.queue.schedule(self.now + self.scenario.clients.store_delay, Event::Ask(call));
        } else {
            self.send(call, self.now);
        }
    }

    /// The request for a permit has reached the store, if there is one.
    fn ask(&mut self, slot: usize) {
        let now = self.now;
        let Some(limiter) = &mut self.limiter else {
            self.send(slot, now);
            return;
        };
        let call = &mut self.calls[slot];
        let tokens = match limiter.pilot {
            Pilot::Loop(_) => self.estimate.reserve(call.input_tokens, limiter.pool.limits()),
            Pilot::Oracle(..) => u64::from(call.input_tokens) + u64::from(call.output_tokens),
        };
        let request = Request { tokens, priority: call.priority };
        match limiter.pool.try_acquire(&request, now) {
            Decision::Granted(grant) => self.granted(slot, grant),
            Decision::Wait(_) => {
                let ticket = limiter.pool.enqueue(&request, slot, now);
                call.ticket = Some(ticket);
                let patience = self.answer_time.patience(call.arrival, call.deadline);
                self.queue.schedule(patience.max(now), Event::Expire(slot, ticket));
                self.serve();
            }
        }
    }

    fn expire(&mut self, call: usize, ticket: Ticket) {
        // The slot may have been given to another call since; a ticket is given once.
        let waits = self.calls.get(call).is_some_and(|call| call.ticket == Some(ticket));
        if !waits {
            return;
        }
        if let Some(limiter) = &mut self.limiter {
            limiter.pool.cancel(ticket);
        }
        let waited = self.now.since(self.calls[call].arrival);
        self.end_call(call, waited, Ending::Lost);
        self.serve();
    }

    /// Grants what can be granted now, and sees to it that the queue is looked at when more can.
    fn serve(&mut self) {
        while let Some(limiter) = &mut self.limiter {
            let Some((call, grant)) = limiter.pool.poll(self.now) else {
                let wake = limiter.pool.next_wake(self.now);
                if let Some(at) = wake.filter(|at| *at < limiter.looks_at && *at != Time::MAX) {
                    limiter.looks_at = at;
                    self.queue.schedule(at, Event::Look);
                }
                return;
            };
            self.calls[call].ticket = None;
            self.granted(call, grant);
        }
    }

    fn granted(&mut self, slot: usize, grant: Grant) {
        let learns_at = self.now + self.scenario.clients.store_delay;
        let call = &mut self.calls[slot];
        call.grant = Some(grant);
        if learns_at >= call.deadline {
            // Too late: the client has gone, and gives the permit back when it learns of it.
            call.granted = call.deadline;
            call.answer = Answer::Nothing;
            self.queue.schedule(learns_at, Event::Answer(slot));
            return;
        }
        self.send(slot, learns_at);
    }

    /// The request leaves the client at `at`.
    fn send(&mut self, slot: usize, at: Time) {
        self.tally.granted();
        let call = &mut self.calls[slot];
        call.attempt += 1;
        call.granted = self.now;
        call.chance = self.streams.tied(Subsystem::Clients, call.number, call.attempt);
        let delay = log_normal(&self.scenario.clients.network_delay_s, &mut call.chance);
        self.queue.schedule(at + Micros::from_secs_f64(delay), Event::Reach(slot));
    }

    fn reach(&mut self, slot: usize) {
        let now = self.now;
        let call = &mut self.calls[slot];
        let back = log_normal(&self.scenario.clients.network_delay_s, &mut call.chance);
        let back = Micros::from_secs_f64(back);
        let offer = Offer {
            tokens: u64::from(call.input_tokens) + u64::from(call.output_tokens),
            service: call.service,
            // The news that the client has gone takes as long as an answer.
            hangs_up: call.deadline + back,
            foreign: false,
            chance: provider_chance(
                self.scenario,
                &self.streams,
                Subsystem::Provider,
                call.number,
                call.attempt,
            ),
        };
        let (verdict, limits) = self.account.offer(&offer, now);
        let (finished, outcome, answer) = match verdict {
            Verdict::Accepted(done) if now + call.service + back <= call.deadline => {
                (done, AttemptOutcome::Success, Answer::Success)
            }
            Verdict::Accepted(done) => (done, AttemptOutcome::Timeout, Answer::Nothing),
            Verdict::RefusedForCount => {
                (now, AttemptOutcome::Refused(1302), Answer::Refused(Signal::RateOrConcurrency))
            }
            Verdict::RefusedForTokens => {
                (now, AttemptOutcome::Refused(1303), Answer::Refused(Signal::Tokens))
            }
            Verdict::Overloaded => (now, AttemptOutcome::Overload, Answer::Refused(Signal::Overload)),
        };
        let answered = finished + back;
        call.answer = if answered > call.deadline { Answer::Nothing } else { answer };
        self.queue.schedule(answered.min(call.deadline).max(now), Event::Answer(slot));
        let attempt = Attempt {
            process: call.process,
            call: call.number,
            attempt: call.attempt,
            arrival: call.arrival,
            granted: call.granted,
            reached: now,
            finished,
            outcome,
            limit_calls: limits.calls,
            limit_concurrency: limits.concurrency,
            input_tokens: call.input_tokens,
            output_tokens: call.output_tokens,
        };
        let in_flight = self.account.in_flight(now);
        self.tally.attempt(&attempt, in_flight);
        self.recorder.record(&attempt);
    }

    /// The client has its answer, or has waited for it long enough.
    fn answer(&mut self, slot: usize) {
        let limited = self.limiter.is_some();
        let clients = &self.scenario.clients;
        let retries = if limited { clients.retries } else { clients.retries_without_limiter };
        let call = &mut self.calls[slot];
        if let Some(grant) = call.grant.take() {
            let (outcome, used) = match call.answer {
                Answer::Success => {
                    self.estimate.learn(call.output_tokens);
                    self.answer_time.learn(self.now.since(grant.at));
                    let used = u64::from(call.input_tokens) + u64::from(call.output_tokens);
                    (Outcome::Success, Some(used))
                }
                Answer::Refused(signal) => (Outcome::Refused(signal), Some(0)),
                Answer::Nothing => (Outcome::Failed, None),
            };
            self.completions.push_back(Completion { grant, outcome, used });
            self.queue.schedule(self.now + clients.store_delay, Event::Complete);
        }
        let waited = call.granted.since(call.arrival);
        let failed = if retries > 0 { Ending::Lost } else { Ending::GivenUp };
        match call.answer {
            Answer::Success => self.end_call(slot, waited, Ending::Success),
            Answer::Nothing => self.end_call(slot, waited, failed),
            Answer::Refused(_) if call.attempt > retries => self.end_call(slot, waited, failed),
            Answer::Refused(_) => {
                let again = self.now + pause(call.attempt, &mut call.chance);
                if again >= call.deadline {
                    self.end_call(slot, waited, failed);
                } else {
                    let to_store = if limited { clients.store_delay } else { Micros::ZERO };
                    self.queue.schedule(again + to_store, Event::Ask(slot));
                }
            }
        }
    }

    /// A completion has reached the store: first the brake, then whoever can go under the new limits.
    fn complete(&mut self) {
        let (Some(limiter), Some(completion)) = (&mut self.limiter, self.completions.pop_front()) else {
            return;
        };
        let Completion { grant, outcome, used } = completion;
        let seen_at_end = limiter.pool.seen(self.now);
        match outcome {
            Outcome::Failed => limiter.pool.abandon(self.now),
            _ => limiter.pool.complete(grant.id, used),
        }
        if let Pilot::Loop(control) = &mut limiter.pilot {
            let feedback = Feedback { granted_at: grant.at, seen: grant.seen, seen_at_end, outcome };
            if let Some(adjustment) = control.observe(&feedback, self.now) {
                self.set_limits(adjustment.to);
            }
        }
        self.serve();
    }

    fn turn(&mut self) {
        let Some(limiter) = &mut self.limiter else { return };
        let (limits, next) = match &mut limiter.pilot {
            Pilot::Loop(control) => {
                (control.wake(self.now).map(|adjustment| adjustment.to), control.next_wake())
            }
            Pilot::Oracle(oracle, pacing) => {
                (Some(oracle.look(&mut self.account, *pacing, self.now)), Some(oracle.next_look()))
            }
        };
        if let Some(limits) = limits {
            self.set_limits(limits);
            self.serve();
        }
        if let Some(next) = next.filter(|next| *next < self.scenario.horizon) {
            self.queue.schedule(next, Event::Turn);
        }
    }

    fn set_limits(&mut self, limits: Limits) {
        let Some(limiter) = &mut self.limiter else { return };
        limiter.pool.set_limits(limits);
        self.tally.limit_changed(limits.calls.map(|calls| calls.get()));
        // Their reservations were estimates under a limit that has proven too high: they ask again.
        for call in limiter.pool.remove_unservable() {
            self.calls[call].ticket = None;
            self.queue.schedule(self.now, Event::Ask(call));
        }
    }

    fn schedule_other(&mut self) {
        if let Some(at) = self.others.as_ref().and_then(Gaps::next_at) {
            self.queue.schedule(at, Event::Other);
        }
    }

    /// Somebody else on the account calls: as our callers do, but without a limiter and without a retry.
    fn other(&mut self) {
        let Some(number) = self.others.as_mut().and_then(Gaps::take) else { return };
        let arrivals = &self.scenario.arrivals;
        let mut chance = self.streams.tied(Subsystem::Foreign, number, 1);
        let mut tokens = |distribution| log_normal(distribution, &mut chance).round().max(1.0) as u32;
        let (input, output) = (tokens(&arrivals.input_tokens), tokens(&arrivals.output_tokens));
        let service = self.scenario.provider.latency.of(output, &mut chance);
        let offer = Offer {
            tokens: u64::from(input) + u64::from(output),
            service: Micros::from_secs_f64(service),
            hangs_up: Time::MAX,
            foreign: true,
            chance: provider_chance(self.scenario, &self.streams, Subsystem::Foreign, number, 2),
        };
        self.account.offer(&offer, self.now);
        self.schedule_other();
    }

    fn end_call(&mut self, slot: usize, waited: Micros, ending: Ending) {
        let call = self.calls.remove(slot);
        self.tally.call_ended(call.arrival, waited, ending);
        match call.origin {
            Origin::Open => {}
            Origin::Session(session) => {
                let course = &mut self.sessions[session];
                course.outstanding -= 1;
                if course.outstanding == 0 {
                    let at = self.now + course.pause();
                    self.queue.schedule(at, Event::Stage(session));
                }
            }
            Origin::Worker(worker) => {
                if let Process::Saturated { think, .. } = self.scenario.arrivals.process {
                    let at = self.now + think;
                    if at < self.scenario.horizon {
                        self.queue.schedule(at, Event::Work(worker));
                    }
                }
            }
        }
    }

    fn gauge(&self) -> Gauge {
        let Some(limiter) = &self.limiter else { return Gauge::default() };
        let limits = limiter.pool.limits();
        Gauge {
            limits: (limits.calls.map(|calls| calls.get()), limits.concurrency.map(|most| most.get())),
            waiting: u32::try_from(limiter.pool.waiting()).unwrap_or(u32::MAX),
        }
    }
}

/// The provider's draws for one attempt; none are made where nothing is left to chance.
fn provider_chance(
    scenario: &Scenario,
    streams: &Streams,
    subsystem: Subsystem,
    call: u64,
    attempt: u32,
) -> [f64; 3] {
    let provider = &scenario.provider;
    if provider.soft_wall == 0.0 && provider.overloads.is_empty() {
        return [0.0; 3];
    }
    let mut chance = streams.tied(subsystem, call, attempt);
    [chance.random(), chance.random(), chance.random()]
}

impl crate::scenario::Latency {
    /// Seconds that an answer of `output` tokens takes.
    fn of(&self, output: u32, chance: &mut Stream) -> f64 {
        let factor = log_normal(&crate::scenario::LogNormal { median: 1.0, sigma: self.sigma }, chance);
        (self.base_s + f64::from(output) / self.tokens_per_s) * factor
    }
}
