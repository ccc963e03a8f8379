//! What stands between the clients and the provider: nothing, or the limiter and whoever sets its limits.

use adaptive::{ControlLoop, Feedback, Outcome};
use limiter_core::{Decision, Grant, Limits, Micros, Pool, Request, Ticket, Time, Window};

use super::call::Answer;
use super::{Event, World};
use crate::attempt::Recorder;
use crate::oracle::Oracle;
use crate::tally::{Ending, Gauge};

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

pub(super) struct Limiter {
    pub(super) pool: Pool<usize>,
    pub(super) pilot: Pilot,
    /// The earliest moment at which the queue is already going to be looked at.
    pub(super) looks_at: Time,
}

pub(super) struct Completion {
    pub(super) grant: Grant,
    pub(super) outcome: Outcome,
    pub(super) used: Option<u64>,
}

impl<R: Recorder> World<'_, R> {
    /// The request for a permit has reached the store, if there is one.
    pub(super) fn ask(&mut self, slot: usize) {
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
        if limiter.pool.limits().tokens.is_some_and(|limit| tokens > limit.get()) {
            // It would wait for ever, so it is refused at once, as a live limiter does.
            let waited = now.since(call.arrival);
            self.end_call(slot, waited, Ending::Lost);
            return;
        }
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

    pub(super) fn expire(&mut self, call: usize, ticket: Ticket) {
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
    pub(super) fn serve(&mut self) {
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

    pub(super) fn granted(&mut self, slot: usize, grant: Grant) {
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

    /// A completion has reached the store: first the brake, then whoever can go under the new limits.
    pub(super) fn complete(&mut self) {
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
            let feedback =
                Feedback { granted_at: grant.at, seen: grant.seen, seen_at_end, outcome, hint: None };
            if let Some(adjustment) = control.observe(&feedback, self.now) {
                self.tally.adjusted(&adjustment);
                self.set_limits(adjustment.to);
            }
        }
        self.serve();
    }

    pub(super) fn turn(&mut self) {
        let Some(limiter) = &mut self.limiter else { return };
        let (limits, next) = match &mut limiter.pilot {
            Pilot::Loop(control) => {
                let adjustment = control.wake(self.now);
                adjustment.iter().for_each(|adjustment| self.tally.adjusted(adjustment));
                (adjustment.map(|adjustment| adjustment.to), control.next_wake())
            }
            Pilot::Oracle(oracle, pacing) => {
                (Some(oracle.look(&mut self.account, *pacing, self.now)), Some(oracle.next_look()))
            }
        };
        if let Some(limits) = limits {
            self.set_limits(limits);
            self.serve();
        }
        // After the horizon only as long as there are calls to end.
        let goes_on = |next: &Time| *next < self.scenario.horizon || !self.calls.is_empty();
        if let Some(next) = next.filter(goes_on) {
            self.queue.schedule(next, Event::Turn);
        }
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        let Some(limiter) = &mut self.limiter else { return };
        limiter.pool.set_limits(limits);
        self.tally.limits_changed(&limits);
        // Their reservations were estimates under a limit that has proven too high: they ask again.
        for call in limiter.pool.remove_unservable() {
            self.calls[call].ticket = None;
            self.queue.schedule(self.now, Event::Ask(call));
        }
    }

    pub(super) fn gauge(&self) -> Gauge {
        let Some(limiter) = &self.limiter else { return Gauge::default() };
        Gauge {
            limits: *limiter.pool.limits(),
            waiting: u32::try_from(limiter.pool.waiting()).unwrap_or(u32::MAX),
        }
    }
}
