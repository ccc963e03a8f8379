//! Taking part in a pool: joining, turns, and what happens when the store is lost.

use tokio::time::{Duration, Instant};

use super::ask::{add_limits, add_partings, unexpected};
use super::gate::{Gate, Parting};
use super::link::Connection;
use super::reply::Outcome;
use super::script::{JOIN, TURN};
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
        let (epoch, connection) = self.home.link.connection().await?;
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
        let settings = &self.home.settings;
        let now = self.now();
        let (calls, known) = {
            let mut state = self.lock();
            // All that it could say is in the journal.
            state.outbox.clear();
            (state.told, state.told_before) = (0, 0);
            let known = (state.known.then_some(state.limits), state.set, state.cut);
            (state.journal.counting(now, settings.window.span()), known)
        };
        let mut chunks = calls.chunks(CALLS_A_JOIN);
        let mut chunk = chunks.next().unwrap_or_default();
        let mut first = true;
        loop {
            let mut arguments = self.membership();
            arguments.number(first.into());
            add_limits(&mut arguments, &settings.limits);
            arguments.number(settings.window.span().get()).number(settings.window.guard.get());
            match known {
                (Some(limits), set, cut) => {
                    arguments.number(limits.version).number(set.into());
                    add_limits(&mut arguments, &limits);
                    arguments.number(cut.as_micros());
                }
                (None, ..) => {
                    arguments.signed(-1).number(0);
                    add_limits(&mut arguments, &Limits::default());
                    arguments.number(0);
                }
            }
            for (number, entry) in chunk {
                let age = now.since(entry.at).get();
                arguments.number(*number).number(age).number(entry.tokens).number(entry.open.into());
            }
            self.run(&mut connection, &JOIN, &arguments).await?;
            first = false;
            match chunks.next() {
                Some(next) => chunk = next,
                None => break,
            }
        }
        {
            let mut state = self.lock();
            state.known = true;
            state.epoch = Some(epoch);
            state.fault = None;
            state.local = None;
        }
        tracing::debug!(pool = self.name(), epoch, calls = calls.len(), "joined");
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

    /// The pool does not know this process any more: its lease has passed, or the store has lost its memory.
    pub(super) fn part(&self, epoch: u64) {
        let mut state = self.lock();
        if state.epoch == Some(epoch) {
            state.epoch = None;
            let lost = state.journal.lose();
            if lost > 0 {
                telemetry::lost_leases(self.name(), lost);
            }
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
                }
            })
            .await?;
        if matches!(answer.outcome, Outcome::Heard) {
            return Ok(());
        }
        let Outcome::Done { alive, told, .. } = answer.outcome else {
            return Err(unexpected(&answer.outcome));
        };
        let mut state = self.lock();
        state.alive = alive.max(1);
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
