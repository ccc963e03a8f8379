//! Worlds to simulate, at random: written as a user writes them, in TOML, so that a failing one can be run by hand.

use std::f64::consts::TAU;
use std::fmt;

use proptest::prelude::*;
use simulator::scenario::Scenario;

const MINUTE_US: u64 = 60_000_000;

/// A value that changes at whole minutes.
pub type Steps = Vec<(u64, u64)>;

/// A scenario, by the numbers that a user would write. It is shown as the TOML that it stands for.
#[derive(Clone)]
pub struct World {
    /// The horizon.
    pub minutes: u64,
    /// Left out of the statistics.
    pub warmup_minutes: u64,
    /// Who calls.
    pub demand: Demand,
    /// Through which clients.
    pub clients: Clients,
    /// What the provider allows.
    pub provider: Provider,
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub enum Demand {
    /// Independent calls, so many an hour.
    Poisson(u64),
    /// Sessions with so many calls an hour in all.
    Sessions(u64),
    /// So many workers, and the milliseconds that they pause.
    Saturated(u64, u64),
}

/// The services between the callers and the provider.
#[derive(Clone, Copy, Debug)]
pub struct Clients {
    /// How many.
    pub processes: u32,
    /// The median of the delay to the provider.
    pub network_ms: u64,
    /// To the store.
    pub store_ms: f64,
    /// Under a limiter.
    pub retries: u32,
    /// Without one.
    pub retries_without_limiter: u32,
    /// A call's time.
    pub deadline_s: f64,
}

/// What the provider allows.
#[derive(Clone)]
pub struct Provider {
    /// How it counts…
    pub window: Window,
    /// …and over which time.
    pub window_s: u64,
    /// Calls a window.
    pub calls: Option<Steps>,
    /// Goes up and down over 45 minutes; in calls.
    pub amplitude: u64,
    /// Calls in flight.
    pub concurrency: Option<Steps>,
    /// Tokens a window.
    pub tokens: Option<Steps>,
    /// Zero is a hard wall.
    pub soft_wall: u64,
    /// Whether refused calls count.
    pub counts_refused: bool,
    /// From which minute, for how many minutes, which share is refused.
    pub overload: Option<(u64, u64, f64)>,
    /// Calls a minute of others.
    pub foreign: u64,
}

/// How a provider counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// What came within the last window.
    Sliding,
    /// What came since the last multiple of the window.
    Fixed,
    /// A bucket.
    TokenBucket,
}

impl World {
    /// The scenario that it stands for.
    ///
    /// # Panics
    /// Where the simulator does not take it.
    pub fn scenario(&self) -> Scenario {
        let text = format!("{self:?}");
        Scenario::parse("world.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// Any world.
    pub fn any() -> impl Strategy<Value = Self> {
        Self::of(demand().boxed(), clients().boxed(), provider().boxed())
    }

    /// Worlds whose every refusal can be counted again: hard walls, nobody else on the account, no bucket.
    pub fn countable() -> impl Strategy<Value = Self> {
        let provider = (provider(), any::<bool>()).prop_map(|(provider, slides)| Provider {
            window: if slides { Window::Sliding } else { Window::Fixed },
            soft_wall: 0,
            foreign: 0,
            ..provider
        });
        Self::of(demand().boxed(), clients().boxed(), provider.boxed())
    }

    /// Worlds with independent calls that are made once, and a provider with one constant limit of each kind that
    /// it has; the limits are the test's to set.
    pub fn independent() -> impl Strategy<Value = Self> {
        let demand = (200_u64..4_000).prop_map(Demand::Poisson);
        let clients = clients().prop_map(|clients| Clients { retries_without_limiter: 0, ..clients });
        let provider = (provider(), any::<bool>()).prop_map(|(provider, slides)| Provider {
            window: if slides { Window::Sliding } else { Window::Fixed },
            calls: None,
            amplitude: 0,
            concurrency: None,
            tokens: None,
            soft_wall: 0,
            counts_refused: false,
            overload: None,
            foreign: 0,
            ..provider
        });
        Self::of(demand.boxed(), clients.boxed(), provider.boxed())
    }

    fn of(
        demand: BoxedStrategy<Demand>,
        clients: BoxedStrategy<Clients>,
        provider: BoxedStrategy<Provider>,
    ) -> impl Strategy<Value = Self> {
        let warmup = prop_oneof![3 => Just(0), 1 => 1_u64..10];
        (10_u64..60, warmup, demand, clients, provider).prop_map(
            |(minutes, warmup_minutes, demand, clients, mut provider)| {
                // One that begins after the end is refused.
                provider.overload =
                    provider.overload.map(|(from, length, refuse)| (from % minutes, length, refuse));
                Self { minutes, warmup_minutes, demand, clients, provider }
            },
        )
    }
}

impl Provider {
    /// The window's length in microseconds.
    pub fn window_us(&self) -> u64 {
        self.window_s * 1_000_000
    }

    /// Calls a window at that microsecond.
    pub fn calls_at(&self, at: u64) -> Option<u64> {
        let hour = at as f64 / 3.6e9;
        let tide = self.amplitude as f64 * (TAU * hour / 0.75).sin();
        step_at(self.calls.as_ref(), at).map(|calls| (calls as f64 + tide).floor() as u64)
    }

    /// Calls in flight at that microsecond.
    pub fn concurrency_at(&self, at: u64) -> Option<u64> {
        step_at(self.concurrency.as_ref(), at)
    }

    /// Tokens a window at that microsecond.
    pub fn tokens_at(&self, at: u64) -> Option<u64> {
        step_at(self.tokens.as_ref(), at)
    }

    /// The share that an overload refuses at that microsecond.
    pub fn overload_at(&self, at: u64) -> f64 {
        let minute = at / MINUTE_US;
        let now = self.overload.filter(|(from, minutes, _)| (*from..from + minutes).contains(&minute));
        now.map_or(0.0, |(_, _, refuse)| refuse)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { minutes, warmup_minutes, demand, clients, provider } = self;
        writeln!(f, "name = \"world\"\nhours = {:?}", hours(*minutes))?;
        writeln!(f, "warmup_hours = {:?}", hours(*warmup_minutes))?;
        writeln!(f, "[arrivals]")?;
        match demand {
            Demand::Poisson(rate) => writeln!(f, "process = \"poisson\"\ncalls_per_hour = {rate}")?,
            Demand::Sessions(rate) => writeln!(f, "process = \"sessions\"\ncalls_per_hour = {rate}")?,
            Demand::Saturated(workers, think_ms) => writeln!(
                f,
                "process = \"saturated\"\nworkers = {workers}\nthink_s = {:?}",
                *think_ms as f64 / 1e3
            )?,
        }
        writeln!(f, "[clients]\nprocesses = {}", clients.processes)?;
        writeln!(f, "network_delay_ms = {{ median = {}, sigma = 0.5 }}", clients.network_ms)?;
        writeln!(f, "store_delay_ms = {:?}\nretries = {}", clients.store_ms, clients.retries)?;
        writeln!(f, "retries_without_limiter = {}", clients.retries_without_limiter)?;
        writeln!(f, "deadline_s = {:?}", clients.deadline_s)?;
        provider.fmt(f)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = match self.window {
            Window::Sliding => "sliding",
            Window::Fixed => "fixed",
            Window::TokenBucket => "token-bucket",
        };
        writeln!(f, "[provider]\nwindow = \"{window}\"\nwindow_s = {}", self.window_s)?;
        let limits = [
            ("calls_per_minute", &self.calls),
            ("concurrency", &self.concurrency),
            ("tokens_per_minute", &self.tokens),
        ];
        for (key, steps) in limits {
            if let Some(steps) = steps {
                let steps: Vec<_> =
                    steps.iter().map(|(minute, value)| format!("[{:?}, {value}]", hours(*minute))).collect();
                writeln!(f, "{key} = [{}]", steps.join(", "))?;
            }
        }
        if self.calls.is_some() && self.amplitude > 0 {
            writeln!(
                f,
                "calls_per_minute_diurnal = {{ amplitude = {}, period_hours = 0.75 }}",
                self.amplitude
            )?;
        }
        writeln!(f, "soft_wall = {}\ncounts_refused = {}", self.soft_wall, self.counts_refused)?;
        writeln!(f, "foreign_calls_per_minute = {}", self.foreign)?;
        if let Some((from, minutes, refuse)) = self.overload {
            writeln!(f, "[[provider.overload]]\nat_hour = {:?}", hours(from))?;
            writeln!(f, "minutes = {minutes}\nrefuse = {refuse:?}")?;
        }
        Ok(())
    }
}

fn hours(minutes: u64) -> f64 {
    minutes as f64 / 60.0
}

fn step_at(steps: Option<&Steps>, at: u64) -> Option<u64> {
    steps?.iter().rev().find(|(minute, _)| minute * MINUTE_US <= at).map(|(_, value)| *value)
}

fn demand() -> impl Strategy<Value = Demand> {
    prop_oneof![
        (10_u64..3_000).prop_map(Demand::Poisson),
        (10_u64..1_500).prop_map(Demand::Sessions),
        (1_u64..24, 500_u64..4_000).prop_map(|(workers, think_ms)| Demand::Saturated(workers, think_ms)),
    ]
}

fn clients() -> impl Strategy<Value = Clients> {
    let store_ms = prop_oneof![Just(0.0), Just(0.5), Just(40.0)];
    // A nanosecond is no microsecond at all: every call is lost before it begins.
    let deadline_s = prop_oneof![1 => Just(1e-9), 1 => Just(0.05), 2 => 1.0..30.0, 4 => Just(120.0)];
    (1_u32..5, 0_u64..200, store_ms, 0_u32..6, 0_u32..4, deadline_s).prop_map(
        |(processes, network_ms, store_ms, retries, retries_without_limiter, deadline_s)| Clients {
            processes,
            network_ms,
            store_ms,
            retries,
            retries_without_limiter,
            deadline_s,
        },
    )
}

fn provider() -> impl Strategy<Value = Provider> {
    let window = prop_oneof![
        3 => Just(Window::Sliding),
        1 => Just(Window::Fixed),
        1 => Just(Window::TokenBucket),
    ];
    let overload = (0_u64..30, 1_u64..15, prop_oneof![Just(0.3), Just(0.7), Just(1.0)]);
    let chance = (0_u64..2).prop_map(|wall| wall * 4);
    (
        (window, 5_u64..90),
        prop::option::of(steps(1..60)),
        0_u64..6,
        prop::option::of(steps(1..12)),
        prop::option::of(steps(500..60_000)),
        (chance, any::<bool>(), prop::option::of(overload), prop_oneof![Just(0), 1_u64..30]),
    )
        .prop_map(|((window, window_s), calls, tide, concurrency, tokens, rest)| {
            let (soft_wall, counts_refused, overload, foreign) = rest;
            // The limit must stay at least 1 at low tide.
            let lowest = calls.iter().flatten().map(|(_, value)| *value).min().unwrap_or(1);
            let amplitude = tide.min(lowest - 1);
            Provider {
                window,
                window_s,
                calls,
                amplitude,
                concurrency,
                tokens,
                soft_wall,
                counts_refused,
                overload,
                foreign,
            }
        })
}

/// One to four steps, the first from the start.
fn steps(values: std::ops::Range<u64>) -> impl Strategy<Value = Steps> {
    let later = prop::collection::btree_map(1_u64..60, values.clone(), 0..4);
    (values, later).prop_map(|(first, later)| std::iter::once((0, first)).chain(later).collect())
}
