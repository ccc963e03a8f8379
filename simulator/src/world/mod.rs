//! The event loop: callers, clients, the limiter and the provider in virtual time.
//!
//! The limiter ([`Pool`]) and the controllers ([`ControlLoop`]) are those that run live; here they are only
//! told another time.

mod call;
mod gate;
mod others;
mod send;

use std::collections::VecDeque;

use limiter_core::{Limits, Micros, Pool, Ticket, Time};
use rand::RngExt;
use slab::Slab;

use crate::arrivals::{Arrival, Course, Gaps, Source, worker_call};
use crate::attempt::Recorder;
use crate::client::{AnswerTime, TokenEstimate};
use crate::provider::Account;
use crate::queue::EventQueue;
use crate::scenario::{Process, Scenario};
use crate::stream::{Streams, Subsystem};
use crate::tally::{Run, Tally};
use crate::trace::TraceError;

use call::{Call, Origin};
use gate::{Completion, Limiter};
pub use gate::{Gate, Pilot};

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
                // An earlier look may have taken this one's place and done its work: answered again, every such
                // leftover would schedule another, and they would only ever become more.
                if let Some(limiter) = &mut self.limiter
                    && limiter.looks_at <= self.now
                {
                    limiter.looks_at = Time::MAX;
                    self.serve();
                }
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
}
