//! One pool in Redis as one process sees it: its journal, its waiters, and what it last heard of the others.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::journal::{Journal, Lease};
use super::reply::News;
use super::{Home, local, lock};
use crate::decision::Seen;
use crate::limits::Limits;
use crate::store_error::StoreError;
use crate::telemetry;
use crate::time::{Micros, Time};

/// Heartbeats within a lease; a process counts as gone after three quarters of it.
const BEATS: u32 = 4;
/// Most endings that one message tells of.
const MOST_PARTINGS: usize = 250;

/// One pool of the limiter in Redis.
pub(crate) struct Gate {
    name: Arc<str>,
    pub(super) keys: [String; 7],
    pub(super) home: Arc<Home>,
    pub(super) state: Mutex<State>,
    /// Tells the driver that there is something to do.
    pub(super) changed: Notify,
    /// Held by whoever joins, so that one does and the others wait for it.
    pub(super) joining: tokio::sync::Mutex<()>,
    /// Whether this process takes part; those who wait without the store watch it.
    pub(super) joined: watch::Sender<bool>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("name", &self.name).finish_non_exhaustive()
    }
}

pub(super) struct State {
    /// As last heard of; before that, the builder's.
    pub(super) limits: Limits,
    /// Whether the store has said so.
    pub(super) known: bool,
    pub(super) set: bool,
    pub(super) cut: Time,
    /// Processes that take part, this one included.
    pub(super) alive: u64,
    /// The connection by which this process has joined.
    pub(super) epoch: Option<u64>,
    /// It went on without the store since it last joined, or might have.
    pub(super) away: bool,
    /// The store refuses this pool: not to be tried again before then.
    pub(super) fault: Option<(Instant, StoreError)>,
    pub(super) journal: Journal,
    /// What the store is to be told at the next turn.
    pub(super) outbox: Vec<Parting>,
    pub(super) waiters: HashMap<u64, Waiter>,
    /// When the driver has to see whether the head of the queue can go.
    pub(super) alarm: Option<Instant>,
    /// When the store is to hear of this process again, whatever else it was told meanwhile.
    pub(super) next_beat: Instant,
    pub(super) driven: bool,
    /// While the store is away: the pool of this process alone.
    pub(super) local: Option<local::Local>,
    /// The store's time when it last answered, and the process's.
    pub(super) heard: (Time, Time),
    /// Messages of this pool that came by the channel; and how many the store had sent by the turn before.
    pub(super) told: u64,
    pub(super) told_before: u64,
}

/// What has ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parting {
    Completed {
        number: u64,
        used: Option<u64>,
    },
    Abandoned {
        number: u64,
    },
    /// A place in the queue was given up, or the grant that came of it.
    Left {
        number: u64,
    },
}

/// One who waits in the store's queue.
#[derive(Debug, Default)]
pub(super) struct Waiter {
    pub(super) news: Option<News>,
    pub(super) waker: Option<Waker>,
}

impl Gate {
    pub(super) fn new(name: Arc<str>, home: Arc<Home>) -> Self {
        let keys = keys(&home.settings.prefix, &name);
        let state = State {
            limits: home.settings.limits,
            known: false,
            set: false,
            cut: Time::ZERO,
            alive: 1,
            epoch: None,
            away: false,
            fault: None,
            journal: Journal::default(),
            outbox: Vec::new(),
            waiters: HashMap::new(),
            alarm: None,
            next_beat: Instant::now(),
            driven: false,
            local: None,
            heard: (Time::ZERO, Time::ZERO),
            told: 0,
            told_before: 0,
        };
        Self {
            name,
            keys,
            home,
            state: Mutex::new(state),
            changed: Notify::new(),
            joining: tokio::sync::Mutex::default(),
            joined: watch::Sender::new(false),
        }
    }

    /// A pool for trying, under a name that no caller's pool can have.
    pub(super) fn probe(home: &Arc<Home>) -> Self {
        Self::new(format!("{{}}{}", home.process).into(), Arc::clone(home))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn now(&self) -> Time {
        self.home.clock.now()
    }

    /// Nothing in flight, nobody waiting, nothing in the window?
    pub(super) fn is_idle(&self) -> bool {
        let now = self.now();
        let mut state = self.lock();
        state.journal.prune(now, self.home.settings.window.span());
        !state.is_busy() && state.journal.is_empty()
    }
}

/// What has happened to calls of this process.
impl Gate {
    /// The store's time at a moment of the process's clock, as far as can be told.
    pub(super) fn store_time(&self, at: Time) -> Time {
        let (store, local) = self.lock().heard;
        store + at.since(local)
    }

    /// Takes note of a grant of the store.
    pub(super) fn granted(self: &Arc<Self>, number: u64, tokens: u64) {
        let now = self.now();
        let span = self.home.settings.window.span();
        let mut state = self.lock();
        state.journal.prune(now, span);
        state.journal.grant(number, tokens, now, Lease::Held);
        let start = !state.driven;
        drop(state);
        if start {
            self.call_driver();
        }
    }

    pub(crate) fn complete(self: &Arc<Self>, number: u64, used: Option<u64>) {
        self.end(number, used, Parting::Completed { number, used });
    }

    pub(crate) fn abandon(self: &Arc<Self>, number: u64) {
        self.end(number, None, Parting::Abandoned { number });
    }

    fn end(self: &Arc<Self>, number: u64, used: Option<u64>, parting: Parting) {
        let mut state = self.lock();
        if !state.journal.close(number, used) {
            return;
        }
        if let Some(local) = &state.local {
            local.end(number, parting);
        }
        state.outbox.push(parting);
        drop(state);
        self.call_driver();
    }

    /// Leaves the pool: what this process holds is free at once.
    pub(super) async fn quit(&self) {
        let partings = {
            let mut state = self.lock();
            // The store hears of the calls that ended what they used; the others end with the process.
            state.journal.quit();
            std::mem::take(&mut state.outbox)
        };
        if *self.joined.borrow() {
            let _ = self.turn(&partings, true, true).await;
        }
    }
}

impl State {
    /// Whether there is anything that needs a heartbeat or a turn.
    pub(super) fn is_busy(&self) -> bool {
        self.journal.open() > 0 || !self.waiters.is_empty() || !self.outbox.is_empty()
    }

    /// The store has heard that this process lives, and how many there are.
    pub(super) fn beaten(&mut self, lease: Duration, alive: u64) {
        self.next_beat = Instant::now() + lease / BEATS;
        self.alive = alive.max(1);
    }

    /// What one message to the store tells it of.
    pub(super) fn take_partings(&mut self) -> Vec<Parting> {
        let most = self.outbox.len().min(MOST_PARTINGS);
        self.outbox.drain(..most).collect()
    }

    /// Whether there is anything that the store has to hear when it is back.
    pub(super) fn owes(&self, now: Time, span: Micros) -> bool {
        self.epoch.is_none() && self.journal.counts(now, span)
    }

    /// The store has given away what this process had in flight.
    pub(super) fn lose(&mut self, pool: &str) {
        let lost = self.journal.lose();
        if lost > 0 {
            telemetry::lost_leases(pool, lost);
        }
    }

    /// The most that the store may count as in flight for this process.
    pub(super) fn known_calls(&self) -> u64 {
        (self.journal.open() + self.waiters.len() + self.outbox.len()) as u64
    }

    /// Makes this process join again before it asks for anything.
    pub(super) const fn disown(&mut self) {
        self.epoch = None;
    }

    /// What a caller sees who was let through without the store.
    pub(super) fn seen(&self) -> Seen {
        let in_flight = self.journal.open() as u64;
        Seen { calls: in_flight, tokens: 0, in_flight, version: self.limits.version }
    }
}

/// What a pool has in the store, as the scripts are given it; the braces keep it together in a cluster.
pub(super) fn keys(prefix: &str, pool: &str) -> [String; 7] {
    ["pool", "calls", "ids", "leases", "leaving", "queue", "processes"]
        .map(|what| format!("{prefix}:{{{pool}}}:{what}"))
}
