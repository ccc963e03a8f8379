//! Taking part in a pool: joining, turns, and what happens when the store is lost.

use std::collections::HashSet;

use tokio::time::{Duration, Instant};

use super::ask::{add_limits, add_partings, unexpected};
use super::gate::{Gate, Parting, State};
use super::link::Connection;
use super::reply::Outcome;
use super::script::{Arguments, JOIN, TURN};
use crate::fallback::Fallback;
use crate::limits::Limits;
use crate::pool_name;
use crate::store_error::{StoreError, StoreProblem};
use crate::telemetry;

/// Calls that one script is told of.
const CALLS_A_JOIN: usize = 1_000;
/// How long a pool that the store refuses is left alone.
const FAULT: Duration = Duration::from_secs(1);

/// Taking part.
impl Gate {
    /// A connection by which this process has joined, or why there is none.
    pub(super) async fn connection(&self) -> Result<(u64, Connection), StoreError> {
        let connected = self.home.link.connection().await;
        let (epoch, connection) = connected.inspect_err(|_| self.go_without())?;
        if self.lock().epoch == Some(epoch) {
            return Ok((epoch, connection));
        }
        let _joining = self.joining.lock().await;
        {
            let state = self.lock();
            if state.epoch == Some(epoch) {
                return Ok((epoch, connection));
            }
            if let Some((until, error)) = &state.fault
                && Instant::now() < *until
            {
                return Err(error.clone());
            }
        }
        match self.join(epoch, connection.clone()).await {
            Ok(()) => Ok((epoch, connection)),
            Err(error) => {
                self.fail(epoch, &error);
                Err(error)
            }
        }
    }

    /// Tells the pool that this process takes part, and what it has granted.
    async fn join(&self, epoch: u64, mut connection: Connection) -> Result<(), StoreError> {
        let span = self.home.settings.window.span();
        let now = self.now();
        let (mut calls, alive, opening) = {
            let mut state = self.lock();
            // All that it could say is in the journal.
            state.outbox.clear();
            let alive: HashSet<_> = state.journal.in_flight().chain(state.waiters.keys().copied()).collect();
            let alive = alive.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
            (state.journal.counting(now, span), alive, self.opening(&state))
        };
        let mut first = true;
        loop {
            let rest = calls.split_off(calls.len().min(CALLS_A_JOIN));
            let mut arguments = self.membership();
            arguments.append(&opening).text(if first { &alive } else { "-" }).number(rest.is_empty().into());
            let now = self.now();
            for (number, entry) in &calls {
                let age = now.since(entry.at).get();
                arguments.number(*number).number(age).number(entry.tokens).number(entry.open.into());
            }
            let answer = self.run(&mut connection, &JOIN, &arguments).await?;
            let Some(Outcome::Joined { told, was_there, .. }) = answer.map(|answer| answer.outcome) else {
                return Err(StoreError::new(StoreProblem::NotReady, "the pool was lost while it was joined"));
            };
            let mut state = self.lock();
            if first && !was_there {
                state.lose(self.name());
            }
            first = false;
            state.journal.told(&calls);
            calls = rest;
            if calls.is_empty() {
                // What was granted without the store since this began.
                calls = state.journal.untold(now, span);
            }
            if calls.is_empty() {
                (state.told, state.told_before) = (told, told);
                (state.known, state.epoch, state.away) = (true, Some(epoch), false);
                (state.fault, state.local) = (None, None);
                break;
            }
        }
        tracing::debug!(pool = self.name(), epoch, "joined");
        telemetry::alone(self.name(), false);
        self.joined.send_replace(true);
        self.ask_again();
        // One for trying is of no interest to people.
        if pool_name::check(self.name()).is_err() {
            return Ok(());
        }
        let _ = connection.send(redis::cmd("SADD").arg(self.home.index()).arg(self.name())).await;
        Ok(())
    }

    /// What a join says of the pool: how it is set up, and what this process last knew.
    fn opening(&self, state: &State) -> Arguments {
        let settings = &self.home.settings;
        let mut opening = Arguments::default();
        add_limits(&mut opening, &settings.limits);
        opening.number(settings.window.span().get()).number(settings.window.guard.get());
        if state.known {
            opening.number(state.limits.version).number(state.set.into());
            add_limits(&mut opening, &state.limits);
            opening.number(state.cut.as_micros());
        } else {
            opening.signed(-1).number(0);
            add_limits(&mut opening, &Limits::default());
            opening.number(0);
        }
        // Where nothing was granted without the store there is nothing to wait for when it is back.
        let away = state.away && settings.fallback != Fallback::Closed;
        opening.number(if away { state.alive } else { 0 });
        opening
    }

    /// The pool does not know this process any more: its lease has passed, or the store has lost its memory.
    pub(super) fn part(&self, epoch: u64) {
        let mut state = self.lock();
        if state.epoch == Some(epoch) {
            state.epoch = None;
            state.lose(self.name());
        }
    }

    /// There is no store to ask.
    fn go_without(&self) {
        let mut state = self.lock();
        (state.epoch, state.away) = (None, true);
        drop(state);
        if self.joined.send_replace(false) {
            self.ask_again();
        }
    }

    /// The store cannot be asked, for now.
    pub(super) fn fail(&self, epoch: u64, error: &StoreError) {
        match error.problem {
            StoreProblem::Unreachable
            | StoreProblem::Slow
            | StoreProblem::ReadOnly
            | StoreProblem::NotReady
            | StoreProblem::Login
            | StoreProblem::NotRedis => self.home.link.fail(epoch, error),
            _ => {
                tracing::warn!(pool = self.name(), %error, "the store refuses this pool");
                self.lock().fault = Some((Instant::now() + FAULT, error.clone()));
            }
        }
        let mut state = self.lock();
        if state.epoch.is_none_or(|joined| joined <= epoch) {
            state.epoch = None;
            drop(state);
            self.joined.send_replace(false);
            self.ask_again();
        }
    }

    /// Drops what the store was to be told: it is all in the journal, which the store hears at the next join.
    pub(super) fn drop_outbox(&self) {
        let mut state = self.lock();
        if state.epoch.is_none() {
            state.outbox.clear();
        }
    }

    /// A turn of the process: what has ended, and its heartbeat where that `beats`; `quits`: the last one.
    pub(super) async fn turn(
        &self,
        partings: &[Parting],
        beats: bool,
        quits: bool,
    ) -> Result<(), StoreError> {
        let answer = self
            .step(&TURN, |arguments| {
                if beats {
                    arguments.text("b").number(0).signed(-1);
                }
                add_partings(arguments, partings);
                if quits {
                    arguments.text("q").number(0).signed(-1);
                } else if beats {
                    arguments.text("s").number(0).number(self.lock().known_calls());
                }
            })
            .await?;
        if matches!(answer.outcome, Outcome::Heard) {
            return Ok(());
        }
        let Outcome::Done { told, flag: known, .. } = answer.outcome else {
            return Err(unexpected(&answer.outcome));
        };
        let mut state = self.lock();
        if !known {
            // A request that was late has been granted when nobody waited for it any more. A join names what there is.
            tracing::debug!(pool = self.name(), "the store counts calls in flight that nobody makes");
            state.disown();
        }
        let missed = state.told < state.told_before;
        state.told_before = told;
        if missed {
            state.told = told;
            drop(state);
            tracing::debug!(pool = self.name(), "messages were lost");
            self.ask_again();
        }
        Ok(())
    }
}
