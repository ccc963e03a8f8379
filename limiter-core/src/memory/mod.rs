//! The store in memory: the pools of one process, each made on first use.

mod driver;
mod entry;
mod gate;
mod queue;
mod runtime;
#[cfg(test)]
mod under_shuttle;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::clock::Clock;
use crate::error::{BadPool, TooManyPools};
use crate::limits::{Limits, Window};
use crate::pool_name;

pub(crate) use entry::Entry;
pub(crate) use gate::{Gate, Place};
pub(crate) use queue::Answer;

/// Finds pools by name, and bounds their number.
#[derive(Debug)]
pub(crate) struct Store {
    clock: Clock,
    window: Window,
    /// What a new pool begins with.
    limits: Limits,
    max_pools: usize,
    gates: RwLock<HashMap<Arc<str>, Arc<Gate>>>,
}

impl Store {
    pub(crate) fn new(window: Window, limits: Limits, max_pools: usize) -> Self {
        Self { clock: Clock::start(), window, limits, max_pools, gates: RwLock::default() }
    }

    /// The limits of a pool that is yet to be made.
    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The pool of this name, made if there is none.
    pub(crate) fn gate<E: From<BadPool> + From<TooManyPools>>(&self, name: &str) -> Result<Arc<Gate>, E> {
        match self.existing(name) {
            Some(gate) => Ok(gate),
            None => self.make(name),
        }
    }

    /// The pool of this name; `None` where it was not used yet.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Arc<Gate>>, BadPool> {
        match self.existing(name) {
            Some(gate) => Ok(Some(gate)),
            None => pool_name::check(name).map(|()| None),
        }
    }

    /// The names of all pools, in no order.
    pub(crate) fn names(&self) -> Vec<String> {
        let gates = self.gates.read().unwrap_or_else(PoisonError::into_inner);
        gates.keys().map(ToString::to_string).collect()
    }

    fn existing(&self, name: &str) -> Option<Arc<Gate>> {
        self.gates.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn make<E: From<BadPool> + From<TooManyPools>>(&self, name: &str) -> Result<Arc<Gate>, E> {
        pool_name::check(name)?;
        let mut gates = self.gates.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have made it between the two locks.
        if let Some(gate) = gates.get(name) {
            return Ok(Arc::clone(gate));
        }
        if gates.len() >= self.max_pools {
            // A permit, a waiter and a handle each hold their pool; and nobody gets hold of one anew meanwhile,
            // because that takes this map's lock.
            gates.retain(|_, gate| Arc::strong_count(gate) > 1 || !gate.is_as_new());
        }
        if gates.len() >= self.max_pools {
            return Err(TooManyPools { max: self.max_pools }.into());
        }
        let name: Arc<str> = name.into();
        let gate = Arc::new(Gate::new(Arc::clone(&name), self.clock, self.window, self.limits));
        gates.insert(name, Arc::clone(&gate));
        Ok(gate)
    }
}
