//! A call from its arrival to its end.

use adaptive::Signal;
use limiter_core::{Grant, Micros, Priority, Ticket, Time};

use super::{Event, World};
use crate::arrivals::session_of;
use crate::attempt::Recorder;
use crate::scenario::{Latency, LogNormal, Process};
use crate::stream::{Stream, Subsystem, log_normal};
use crate::tally::Ending;
use crate::trace::TraceCall;

/// A call that is under way.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) number: u64,
    pub(super) process: u32,
    pub(super) origin: Origin,
    pub(super) arrival: Time,
    pub(super) deadline: Time,
    pub(super) input_tokens: u32,
    pub(super) output_tokens: u32,
    pub(super) service: Micros,
    pub(super) priority: Priority,
    /// Attempts so far.
    pub(super) attempt: u32,
    pub(super) ticket: Option<Ticket>,
    pub(super) grant: Option<Grant>,
    pub(super) granted: Time,
    /// What the client will learn when the answer is there.
    pub(super) answer: Answer,
    /// The delays and pauses of this attempt.
    pub(super) chance: Stream,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    Open,
    Session(usize),
    Worker(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Success,
    Refused(Signal),
    /// None before the deadline.
    Nothing,
}

impl<R: Recorder> World<'_, R> {
    pub(super) fn begin_stage(&mut self, session: usize) {
        let numbers = self.sessions[session].begin_stage();
        if numbers.is_empty() || self.now >= self.scenario.horizon {
            self.sessions.remove(session);
            return;
        }
        for number in numbers {
            // A session belongs to one process: that of the user's request.
            let process = session_of(number) as u32;
            self.make_call(number, process, Origin::Session(session), None);
        }
    }

    pub(super) fn make_call(&mut self, number: u64, turn: u32, origin: Origin, traced: Option<&TraceCall>) {
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
            priority: traced.and_then(|call| call.priority).map(Priority).unwrap_or_default(),
            attempt: 0,
            ticket: None,
            grant: None,
            granted: self.now,
            answer: Answer::Nothing,
            chance,
        });
        self.try_once(call);
    }

    pub(super) fn end_call(&mut self, slot: usize, waited: Micros, ending: Ending) {
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
}

impl Latency {
    /// Seconds that an answer of `output` tokens takes.
    pub(super) fn of(&self, output: u32, chance: &mut Stream) -> f64 {
        let factor = log_normal(&LogNormal { median: 1.0, sigma: self.sigma }, chance);
        (self.base_s + f64::from(output) / self.tokens_per_s) * factor
    }
}
