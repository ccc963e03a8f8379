//! The store in Redis: the pools that many processes share, decided on by scripts in the server.
//!
//! A process is a member of each pool that it uses, by a heartbeat. What it granted lately stands in its journal,
//! so that it can go on alone when the store is away, and tell the store of it afterwards. The keys, and what is
//! promised when something fails, are described in `docs/REDIS.md`.

mod address;
mod ask;
mod driver;
mod entry;
mod examine;
mod gate;
mod journal;
mod link;
mod listener;
mod local;
mod membership;
mod reply;
mod script;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::clock::Clock;
use crate::error::{BadPool, TooManyPools};
use crate::fallback::Fallback;
use crate::limits::{Limits, Window};
use crate::pool_name;
use crate::store_error::StoreError;
use link::Link;

pub(crate) use address::Address;
pub(crate) use ask::Peek;
pub(crate) use entry::{acquire, try_acquire};
pub use examine::{Refusal, StoreFacts};
pub(crate) use gate::Gate;

/// How the store is used.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) window: Window,
    /// What a new pool begins with.
    pub(crate) limits: Limits,
    pub(crate) max_pools: usize,
    pub(crate) lease: Duration,
    /// The longest that the store may take to answer.
    pub(crate) patience: Duration,
    pub(crate) fallback: Fallback,
    /// What all keys and channels begin with.
    pub(crate) prefix: String,
}

/// Finds pools by name, and bounds their number.
#[derive(Debug)]
pub(crate) struct Store {
    home: Arc<Home>,
    gates: Mutex<HashMap<Arc<str>, Arc<Gate>>>,
}

/// What all pools of one process have in common.
#[derive(Debug)]
struct Home {
    settings: Settings,
    link: Arc<Link>,
    clock: Clock,
    runtime: Handle,
    /// Names this process among those that share a pool.
    process: String,
    /// Numbers the requests of this process; with its name that names a grant.
    numbers: AtomicU64,
    /// Whose waiter a number is.
    waiters: Mutex<HashMap<u64, Weak<Gate>>>,
    /// What connects and what listens, for as long as a pool is in use.
    tasks: [AbortHandle; 2],
}

impl Store {
    /// A store that connects in the background.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn new(address: Address, settings: Settings) -> Self {
        let runtime = Handle::current();
        let link = Arc::new(Link::new(address, settings.patience));
        let process = process_name();
        let home = Arc::new_cyclic(|home| {
            let channel = format!("{}{process}", settings.channel());
            let listener = listener::listen(Weak::clone(home), Arc::clone(&link), channel);
            let tasks = [
                runtime.spawn(Arc::clone(&link).keep()).abort_handle(),
                runtime.spawn(listener).abort_handle(),
            ];
            Home {
                link,
                clock: Clock::start(),
                runtime,
                process,
                numbers: AtomicU64::new(1),
                waiters: Mutex::default(),
                tasks,
                settings,
            }
        });
        Self { home, gates: Mutex::default() }
    }

    /// The limits of a pool that is yet to be made.
    pub(crate) fn limits(&self) -> &Limits {
        &self.home.settings.limits
    }

    /// Whether the store is there and lets this user do what the limiter has to do.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        Arc::new(Gate::probe(&self.home)).check().await
    }

    /// The pool of this name, made if there is none.
    pub(crate) fn gate<E: From<BadPool> + From<TooManyPools>>(&self, name: &str) -> Result<Arc<Gate>, E> {
        let mut gates = lock(&self.gates);
        if let Some(gate) = gates.get(name) {
            return Ok(Arc::clone(gate));
        }
        pool_name::check(name)?;
        let max = self.home.settings.max_pools;
        if gates.len() >= max {
            // A permit, a waiter and a handle each hold their pool.
            gates.retain(|_, gate| Arc::strong_count(gate) > 1 || !gate.is_idle());
        }
        if gates.len() >= max {
            return Err(TooManyPools { max }.into());
        }
        let name: Arc<str> = name.into();
        let gate = Arc::new(Gate::new(Arc::clone(&name), Arc::clone(&self.home)));
        gates.insert(name, Arc::clone(&gate));
        Ok(gate)
    }

    /// The pool of this name to look at, without counting it as one that this process uses.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Gate>, BadPool> {
        if let Some(gate) = lock(&self.gates).get(name) {
            return Ok(Arc::clone(gate));
        }
        pool_name::check(name)?;
        Ok(Arc::new(Gate::new(name.into(), Arc::clone(&self.home))))
    }

    /// The names of all pools that any process has used, in no order.
    pub(crate) async fn names(&self) -> Result<Vec<String>, StoreError> {
        let (epoch, mut connection) = self.home.link.connection().await?;
        let answer = connection.send(redis::cmd("SMEMBERS").arg(self.home.index())).await;
        let names = answer.and_then(|names| Ok(redis::from_redis_value(names)?));
        names.map_err(|error| {
            let error = StoreError::from(error);
            self.home.link.fail(epoch, &error);
            error
        })
    }

    /// Leaves all pools, so that what this process holds is free at once and not only when its lease has passed.
    pub(crate) async fn close(&self) {
        let gates: Vec<_> = lock(&self.gates).values().cloned().collect();
        for gate in gates {
            gate.quit().await;
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Settings {
    /// The channel by which a process hears of its waiters is this and its name.
    fn channel(&self) -> String {
        format!("{}:to:", self.prefix)
    }
}

impl Home {
    /// The set of the pools' names: for people, nothing depends on it.
    fn index(&self) -> String {
        format!("{}:pools", self.settings.prefix)
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// The pools that have waiters.
    fn waited_for(&self) -> Vec<Arc<Gate>> {
        let mut gates: Vec<_> = lock(&self.waiters).values().filter_map(Weak::upgrade).collect();
        gates.sort_by_key(|gate| Arc::as_ptr(gate).addr());
        gates.dedup_by(|a, b| Arc::ptr_eq(a, b));
        gates
    }

    fn gate_of(&self, number: u64) -> Option<Arc<Gate>> {
        lock(&self.waiters).get(&number).and_then(Weak::upgrade)
    }
}

/// A name that no other process has: its number for people, and a random part.
fn process_name() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("{}-{random:016x}", std::process::id())
}

/// Nothing panics under these locks, and no change is ever half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
