//! A scenario: who calls, through which clients, and what the provider allows.
//!
//! These types cannot be wrong: `raw` reads the TOML and turns it into them, or says what is wrong and where.

pub mod builtin;
mod raw;

use std::num::{NonZeroU32, NonZeroU64};

use limiter_core::{Micros, Time};

pub use raw::ScenarioError;

/// What is asked: one world to simulate.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Names it in tables, charts and files.
    pub name: String,
    /// Says in a sentence what it shows; may be empty.
    pub description: String,
    /// The horizon: no call arrives later.
    pub horizon: Time,
    /// Calls that arrive earlier are left out of the statistics.
    pub warmup: Time,
    /// Who calls, and when.
    pub arrivals: Arrivals,
    /// The services between the callers and the provider.
    pub clients: Clients,
    /// What the provider allows.
    pub provider: Provider,
}

/// Who calls, when, and with how many tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrivals {
    /// When calls arrive.
    pub process: Process,
    /// Tokens of a call's prompt.
    pub input_tokens: LogNormal,
    /// Tokens of a call's answer.
    pub output_tokens: LogNormal,
}

/// When calls arrive.
#[derive(Clone, Debug, PartialEq)]
pub enum Process {
    /// Independent calls at a rate (calls an hour).
    Poisson(Steps<f64>),
    /// Sessions of dependent calls; the rate is that of all calls together (calls an hour).
    Sessions {
        /// Calls an hour, on average.
        calls_per_hour: Steps<f64>,
        /// What the sessions are.
        mix: SessionMix,
    },
    /// A closed loop: each worker makes its next call when the last has ended, well or not, and it has paused.
    Saturated {
        /// Callers in all.
        workers: NonZeroU32,
        /// The pause between two calls of a worker.
        think: Micros,
    },
}

/// The kinds of session, and how often each is started.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionMix {
    /// Calls in a row: retrieve, rerank, answer.
    pub chain: Session,
    /// A ReAct loop: a call, a tool, a call, …
    pub react: Session,
    /// Graph-RAG: one call that plans, a fan-out of parallel calls, one that sums up.
    pub fan_out: Session,
}

/// One kind of session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Session {
    /// How often it is started, relative to the other kinds.
    pub weight: f64,
    /// Calls in a row; for a fan-out, calls in parallel. Both ends are included; all equally likely.
    pub calls: (u32, u32),
    /// The pause between the end of a call and the start of those that depend on it, in seconds.
    pub pause_s: LogNormal,
}

/// The services between the callers and the provider.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clients {
    /// Processes, each with its own handle on the shared store; calls go round them in turn.
    pub processes: NonZeroU32,
    /// One way between a process and the provider, in seconds.
    pub network_delay_s: LogNormal,
    /// One way between a process and the store.
    pub store_delay: Micros,
    /// Attempts after the first, under a limiter.
    pub retries: u32,
    /// Attempts after the first, without one.
    pub retries_without_limiter: u32,
    /// A call that has not been answered by then is lost.
    pub deadline: Micros,
}

/// The provider's model.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// How calls and tokens are counted.
    pub window: WindowKind,
    /// The length of the window.
    pub window_span: Micros,
    /// Calls a window, before the diurnal part is added and the sum is rounded down.
    pub calls: Option<Steps<f64>>,
    /// The part of the limit on calls that goes up and down over the day.
    pub calls_diurnal: Diurnal,
    /// Calls in flight.
    pub concurrency: Option<Steps<NonZeroU64>>,
    /// Tokens a window.
    pub tokens: Option<Steps<NonZeroU64>>,
    /// Calls over which a refusal becomes certain beyond the limit; zero is a hard wall.
    pub soft_wall: f64,
    /// Whether a refused call uses up the window.
    pub counts_refused: bool,
    /// How long an accepted call takes.
    pub latency: Latency,
    /// Calls a minute of others on the same account.
    pub foreign: Steps<f64>,
    /// When the platform itself refuses, in the order of their start.
    pub overloads: Vec<Overload>,
}

impl Provider {
    /// The same provider, were it to refuse nothing.
    #[must_use]
    pub fn unlimited(&self) -> Self {
        Self {
            calls: None,
            concurrency: None,
            tokens: None,
            foreign: Steps::constant(0.0),
            overloads: Vec::new(),
            ..self.clone()
        }
    }
}

/// How a provider counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// What was accepted within the last window.
    Sliding,
    /// What was accepted since the last multiple of the window's length.
    Fixed,
    /// A bucket as large as the limit, full at the start, refilled evenly over the window.
    TokenBucket,
}

/// `amplitude * sin(2 pi (hour + phase) / period)`, in calls a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diurnal {
    /// Zero has no such part.
    pub amplitude: f64,
    /// Hours.
    pub period_hours: f64,
    /// Hours.
    pub phase_hours: f64,
}

/// `(base + output tokens / tokens_per_s)`, times a log-normal factor of median 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Seconds until the first token.
    pub base_s: f64,
    /// Tokens a second after it.
    pub tokens_per_s: f64,
    /// The factor's sigma.
    pub sigma: f64,
}

/// A platform overload: from `from` until `until`, attempts are refused with 1305 at random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overload {
    /// Its first moment.
    pub from: Time,
    /// The first moment after it.
    pub until: Time,
    /// The share refused, in [0, 1].
    pub refuse: f64,
}

/// A log-normal distribution by its median; a sigma of zero is a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    /// Half of the draws are below; not negative.
    pub median: f64,
    /// The standard deviation of the logarithm; not negative.
    pub sigma: f64,
}

/// A value that changes at given moments; the first holds from the start. Never empty, rising in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps<T>(Vec<(Time, T)>);

impl<T: Copy> Steps<T> {
    /// A value that never changes.
    pub fn constant(value: T) -> Self {
        Self(vec![(Time::ZERO, value)])
    }

    /// The steps in order; `None` where there are none, the first is not at the start, or they do not rise.
    pub fn new(steps: Vec<(Time, T)>) -> Option<Self> {
        let starts_at_zero = steps.first().is_some_and(|(at, _)| *at == Time::ZERO);
        let rises = steps.windows(2).all(|pair| pair[0].0 < pair[1].0);
        (starts_at_zero && rises).then_some(Self(steps))
    }

    /// The value in force at `at`.
    pub fn at(&self, at: Time) -> T {
        let after = self.0.partition_point(|(from, _)| *from <= at);
        self.0[after.max(1) - 1].1
    }

    /// The next moment after `at` at which the value changes.
    pub fn next_change(&self, at: Time) -> Option<Time> {
        let after = self.0.partition_point(|(from, _)| *from <= at);
        self.0.get(after).map(|(from, _)| *from)
    }

    /// The values in order.
    pub fn values(&self) -> impl Iterator<Item = T> + '_ {
        self.0.iter().map(|(_, value)| *value)
    }
}
