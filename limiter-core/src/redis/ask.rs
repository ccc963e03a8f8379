//! What callers ask of a pool's store, and how the store is asked.

use std::sync::Arc;

use super::gate::{Gate, Parting};
use super::link::Connection;
use super::reply::{Answer, Granted, Outcome, Reply};
use super::script::{ACQUIRE, Arguments, CHECK, LEAVE, LIMIT, PEEK, Script, TURN};
use crate::decision::{Request, Wait};
use crate::limits::Limits;
use crate::pool_handle::PoolStatus;
use crate::store_error::{StoreError, StoreProblem};
use crate::telemetry;
use crate::time::{Micros, Time};

/// How many times a step is tried again after the pool did not know this process, or its connection broke.
const ATTEMPTS: usize = 4;

/// What a look at the pool changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peek {
    Look,
    /// The calls of the window.
    Forget,
    /// Those, and that limits were set at run time.
    ForgetLimits,
}

/// How a request is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Without a place in the queue.
    Try,
    Queue,
    /// The same again, since the answer to an earlier one was lost or may have been.
    Retry,
    Again,
}

/// What the store says to a request.
#[derive(Debug)]
pub(super) enum Asked {
    Granted(Granted),
    Wait(Wait, Time),
    TooLarge { limit: u64 },
}

/// What goes along with a request: told by somebody else where its caller goes before it was heard. To be told twice does
/// no harm.
struct Unheard<'a> {
    gate: &'a Arc<Gate>,
    partings: Vec<Parting>,
}

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        if !self.partings.is_empty() {
            self.gate.lock().outbox.append(&mut self.partings);
            self.gate.call_driver();
        }
    }
}

/// What callers do.
impl Gate {
    /// Asks the store, joining first where need be; the error: there is no store to ask.
    pub(super) async fn ask(
        self: &Arc<Self>,
        number: u64,
        request: &Request,
        since: Time,
        mut mode: Mode,
    ) -> Result<Asked, StoreError> {
        let handicap = request.priority.rank(Time::ZERO).as_micros();
        let mut attempt = 0;
        loop {
            let (epoch, mut connection) = self.connection().await?;
            let age = self.now().since(since).get();
            let mut arguments = self.arguments();
            arguments.number(number).number(request.tokens).number(handicap).number(age).text(mode.word());
            // What has ended goes along: a caller that makes one call after the other sends one command for each.
            let mut partings = Unheard { gate: self, partings: self.lock().take_partings() };
            add_partings(&mut arguments, &partings.partings);
            let result = self.run(&mut connection, &ACQUIRE, &arguments).await;
            if matches!(result, Ok(Some(_))) {
                partings.partings.clear();
            }
            drop(partings);
            match result {
                Ok(Some(answer)) => match answer.outcome {
                    Outcome::Granted(granted) => return Ok(Asked::Granted(granted)),
                    Outcome::Wait(wait) => return Ok(Asked::Wait(wait, answer.now)),
                    Outcome::TooLarge { limit } => return Ok(Asked::TooLarge { limit }),
                    outcome => return Err(unexpected(&outcome)),
                },
                Ok(None) => self.part(epoch),
                Err(error) => self.fail(epoch, &error),
            }
            // Whether that one was heard is not known, so the next may be its repetition.
            mode = mode.again();
            attempt += 1;
            if attempt == ATTEMPTS {
                return Err(StoreError::new(StoreProblem::NotReady, "the pool was lost again and again"));
            }
        }
    }

    /// The last chance of a waiter whose time is up, whose place is given up otherwise.
    pub(super) async fn last_chance(&self, number: u64) -> Result<Asked, StoreError> {
        let (epoch, mut connection) = self.connection().await?;
        let mut arguments = self.arguments();
        arguments.number(number);
        match self.run(&mut connection, &LEAVE, &arguments).await {
            Ok(Some(Answer { outcome: Outcome::Granted(granted), .. })) => Ok(Asked::Granted(granted)),
            Ok(Some(Answer { outcome: Outcome::Wait(wait), now, .. })) => Ok(Asked::Wait(wait, now)),
            Ok(Some(answer)) => Err(unexpected(&answer.outcome)),
            Ok(None) => {
                self.part(epoch);
                Err(StoreError::new(StoreProblem::NotReady, "the pool was lost"))
            }
            Err(error) => {
                self.fail(epoch, &error);
                Err(error)
            }
        }
    }

    /// Writes limits, or lowers them in answer to a refusal of a call granted at `granted_at`; `false`: old news.
    pub(crate) async fn limit(&self, limits: Limits, granted_at: Option<Time>) -> Result<bool, StoreError> {
        let granted_at = granted_at.map_or(-1, |at| at.as_micros() as i64);
        let answer = self
            .step(&LIMIT, |arguments| {
                add_limits(arguments, &limits);
                arguments.signed(granted_at);
            })
            .await?;
        let done = !matches!(answer.outcome, Outcome::Old);
        if done {
            // Others hear of it with the limits, where those have changed.
            self.lock().set = true;
        }
        Ok(done)
    }

    /// The counts, how many wait, and the limits; none: the pool was never used.
    pub(crate) async fn peek(&self, peek: Peek) -> Result<Option<PoolStatus>, StoreError> {
        let (epoch, mut connection) = self.home.link.connection().await?;
        let mut arguments = self.arguments();
        arguments.text(match peek {
            Peek::Look => "look",
            Peek::Forget => "forget",
            Peek::ForgetLimits => "limits",
        });
        if peek != Peek::Look {
            self.lock().journal.forget();
        }
        match self.run_raw(&mut connection, &PEEK, &arguments).await {
            Ok(Reply::Answer(answer)) => {
                let Outcome::Seen { seen, waiting, sharing } = answer.outcome else {
                    return Err(unexpected(&answer.outcome));
                };
                let limits = answer.limits.map_or(self.lock().limits, |told| told.limits);
                Ok(Some(PoolStatus { seen, waiting, limits, sharing: Some(sharing) }))
            }
            Ok(_) => Ok(None),
            Err(error) => {
                self.fail(epoch, &error);
                Err(error)
            }
        }
    }

    /// Forgets the window's calls and the limits that were set at run time; those of this process's builder hold again.
    pub(crate) async fn forget_limits(&self) -> Result<(), StoreError> {
        self.peek(Peek::ForgetLimits).await?;
        {
            let mut state = self.lock();
            state.set = false;
            // A configuration is told at a join, and counts where its process comes as one that knows nothing else.
            state.known = false;
            state.disown();
        }
        self.connection().await.map(drop)
    }

    /// Whether the store lets this user do what the limiter has to do.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let (epoch, mut connection) = self.home.link.connection().await?;
        let checked = self.run_raw(&mut connection, &CHECK, &self.membership()).await;
        checked.map(drop).inspect_err(|error| self.fail(epoch, error))
    }

    /// Whether the store still counts a call as in flight; its lease is renewed in any case.
    pub(crate) async fn holds(&self, number: u64) -> Result<bool, StoreError> {
        if self.lock().journal.is_lost(number) {
            return Ok(false);
        }
        let ask = |arguments: &mut Arguments| {
            arguments.text("b").number(0).signed(-1).text("l").number(number).signed(-1);
        };
        let answer = self.step(&TURN, ask).await?;
        // The join, if there was one, has told the store of a call that it had given up.
        let lost = self.lock().journal.is_lost(number);
        Ok(!lost && matches!(answer.outcome, Outcome::Done { flag: true, .. }))
    }

    /// The limits in force.
    pub(crate) async fn fresh_limits(&self) -> Result<Limits, StoreError> {
        Ok(self.peek(Peek::Look).await?.map_or(self.home.settings.limits, |status| status.limits))
    }
}

/// Running scripts.
impl Gate {
    /// Runs a script for which this process has to take part.
    pub(super) async fn step(
        &self,
        script: &Script,
        add: impl Fn(&mut Arguments),
    ) -> Result<Answer, StoreError> {
        for _ in 0..ATTEMPTS {
            let (epoch, mut connection) = self.connection().await?;
            let mut arguments = self.arguments();
            add(&mut arguments);
            match self.run(&mut connection, script, &arguments).await {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => self.part(epoch),
                // Nothing comes of a step that is taken twice. Without a store there is no second one.
                Err(error) => self.fail(epoch, &error),
            }
        }
        Err(StoreError::new(StoreProblem::NotReady, "the pool was lost again and again"))
    }

    /// The answer; none: the process has to join.
    pub(super) async fn run(
        &self,
        connection: &mut Connection,
        script: &Script,
        arguments: &Arguments,
    ) -> Result<Option<Answer>, StoreError> {
        match self.run_raw(connection, script, arguments).await? {
            Reply::Answer(answer) => Ok(Some(answer)),
            Reply::Join | Reply::Unused => Ok(None),
        }
    }

    async fn run_raw(
        &self,
        connection: &mut Connection,
        script: &Script,
        arguments: &Arguments,
    ) -> Result<Reply, StoreError> {
        let sent = self.now();
        let value = script.run(connection, &self.keys, arguments).await?;
        telemetry::store_answered(self.now().since(sent).into());
        let reply = Reply::parse(value)?;
        if let Reply::Answer(answer) = &reply {
            self.absorb(answer, sent);
        }
        Ok(reply)
    }

    /// What every script is given first.
    pub(super) fn membership(&self) -> Arguments {
        let mut arguments = Arguments::default();
        let lease = Micros::from(self.home.settings.lease).get();
        arguments.text(&self.home.process).number(lease).text(&self.home.settings.channel());
        arguments
    }

    /// That, and the version of the limits that this process knows.
    fn arguments(&self) -> Arguments {
        let mut arguments = self.membership();
        let state = self.lock();
        arguments.signed(if state.known { state.limits.version as i64 } else { -1 });
        arguments
    }

    /// Takes note of what every answer says.
    fn absorb(&self, answer: &Answer, sent: Time) {
        // A store that has lost its memory may also have an earlier time.
        let anew = matches!(answer.outcome, Outcome::Joined { .. });
        if self.head(answer.now, sent, answer.alarm, anew)
            && let Some(told) = answer.limits
        {
            let mut state = self.lock();
            (state.limits, state.set, state.cut) = (told.limits, told.set, told.cut);
            state.known = true;
        }
        if let Outcome::Done { alive, .. } | Outcome::Joined { alive, .. } = answer.outcome {
            self.lock().beaten(self.home.settings.lease, alive);
        }
        for (number, news) in &answer.news {
            self.deliver(*number, *news);
        }
    }
}

impl Mode {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Try => "try",
            Self::Queue => "queue",
            Self::Retry => "retry",
            Self::Again => "again",
        }
    }

    pub(super) const fn again(self) -> Self {
        match self {
            Self::Try | Self::Retry => Self::Retry,
            Self::Queue | Self::Again => Self::Again,
        }
    }
}

pub(super) fn add_limits(arguments: &mut Arguments, limits: &Limits) {
    let or_none = |limit: Option<std::num::NonZeroU64>| limit.map_or(0, std::num::NonZeroU64::get);
    arguments.number(or_none(limits.calls)).number(or_none(limits.tokens));
    arguments.number(or_none(limits.concurrency)).number(limits.pacing.get());
}

pub(super) fn add_partings(arguments: &mut Arguments, partings: &[Parting]) {
    for parting in partings {
        match *parting {
            Parting::Completed { number, used } => {
                let used = used.map_or(-1, |used| used.min(crate::limits::MAX_LIMIT) as i64);
                arguments.text("c").number(number).signed(used)
            }
            Parting::Abandoned { number } => arguments.text("a").number(number).signed(-1),
            Parting::Left { number } => arguments.text("x").number(number).signed(-1),
        };
    }
}

pub(super) fn unexpected(outcome: &Outcome) -> StoreError {
    StoreError::new(StoreProblem::Other, format!("a script answered out of turn: {outcome:?}"))
}
