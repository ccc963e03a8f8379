//! An attempt from the client's wish to the client's answer.

use adaptive::{Outcome, Signal};
use limiter_core::{Micros, Time};
use rand::RngExt;

use super::call::Answer;
use super::gate::Completion;
use super::{Event, World};
use crate::attempt::{Attempt, AttemptOutcome, Recorder};
use crate::client::pause;
use crate::provider::{Offer, Verdict};
use crate::scenario::Scenario;
use crate::stream::{Streams, Subsystem, log_normal};
use crate::tally::Ending;

impl<R: Recorder> World<'_, R> {
    /// The client wants to make an attempt now.
    pub(super) fn try_once(&mut self, call: usize) {
        if self.limiter.is_some() {
            self.queue.schedule(self.now + self.scenario.clients.store_delay, Event::Ask(call));
        } else {
            self.send(call, self.now);
        }
    }

    /// The request leaves the client at `at`.
    pub(super) fn send(&mut self, slot: usize, at: Time) {
        self.tally.granted();
        let call = &mut self.calls[slot];
        call.attempt += 1;
        call.granted = self.now;
        call.chance = self.streams.tied(Subsystem::Clients, call.number, call.attempt);
        let delay = log_normal(&self.scenario.clients.network_delay_s, &mut call.chance);
        self.queue.schedule(at + Micros::from_secs_f64(delay), Event::Reach(slot));
    }

    pub(super) fn reach(&mut self, slot: usize) {
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
    pub(super) fn answer(&mut self, slot: usize) {
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
}

/// The provider's draws for one attempt; none are made where nothing is left to chance.
pub(super) fn provider_chance(
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
