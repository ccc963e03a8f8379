//! A pool without its store: this process alone, with its share of the last known limits.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};

use super::gate::{Gate, Parting};
use super::journal::Lease;
use super::lock;
use crate::decision::GrantId;
use crate::limits::{Limits, Window};
use crate::memory;
use crate::telemetry;
use crate::time::{Micros, Time};

/// The pool of this process while the store is away.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) gate: Arc<memory::Gate>,
    /// The local names of calls in flight.
    ids: Mutex<HashMap<u64, GrantId>>,
}

impl Local {
    pub(super) fn granted(&self, number: u64, id: GrantId) {
        lock(&self.ids).insert(number, id);
    }

    pub(super) fn end(&self, number: u64, parting: Parting) {
        let Some(id) = lock(&self.ids).remove(&number) else { return };
        match parting {
            Parting::Completed { used, .. } => self.gate.complete(id, used),
            Parting::Abandoned { .. } => self.gate.abandon(),
            Parting::Left { .. } => self.gate.complete(id, Some(0)),
        }
    }
}

impl Gate {
    /// The local pool, made on first use from what this process has granted lately.
    pub(super) fn local(&self) -> Arc<memory::Gate> {
        let settings = &self.home.settings;
        let mut state = self.lock();
        if let Some(local) = &state.local {
            return Arc::clone(&local.gate);
        }
        let limits = share(&state.limits, state.alive, settings.window);
        let gate = Arc::new(memory::Gate::new(self.name().into(), self.home.clock, settings.window, limits));
        gate.status();
        let mut calls = state.journal.counting(self.now(), settings.window.span());
        calls.sort_by_key(|(number, entry)| (entry.at, *number));
        let ids = (calls.into_iter())
            .map(|(number, entry)| (number, entry.open, gate.charge(entry.tokens, entry.at, entry.open)))
            .filter_map(|(number, open, id)| open.then_some((number, id)))
            .collect();
        tracing::warn!(
            pool = self.name(),
            processes = state.alive,
            calls = limits.calls.map(NonZeroU64::get),
            concurrency = limits.concurrency.map(NonZeroU64::get),
            "goes on without the store, with its share of the limits"
        );
        telemetry::alone(self.name(), true);
        state.local = Some(Local { gate: Arc::clone(&gate), ids: Mutex::new(ids) });
        gate
    }

    /// Takes note of a call that goes without the store; `id`: its name in the local pool, if that let it through.
    pub(super) fn granted_alone(self: &Arc<Self>, number: u64, tokens: u64, at: Time, id: Option<GrantId>) {
        let mut state = self.lock();
        state.journal.grant(number, tokens, at, Lease::Untold);
        if let (Some(local), Some(id)) = (&state.local, id) {
            local.granted(number, id);
        }
        // This process may have joined in this very moment: then it has to join again, to tell the store of this one, too.
        state.disown();
        drop(state);
        self.call_driver();
    }
}

/// The limits of one of so many processes: together they stay below those of all.
///
/// Where that is less than one call a window, the process takes one every so many windows. In flight it is at least one,
/// as less cannot be: then as many may be in flight as there are processes.
fn share(limits: &Limits, processes: u64, window: Window) -> Limits {
    let processes = processes.max(1);
    let part = |limit: NonZeroU64| NonZeroU64::new(limit.get() / processes).unwrap_or(NonZeroU64::MIN);
    let scarce = limits.calls.filter(|calls| calls.get() < processes);
    let pacing = scarce.map_or(Micros::ZERO, |calls| {
        Micros::new((window.span().get().saturating_mul(processes)).div_ceil(calls.get()))
    });
    Limits {
        version: limits.version,
        calls: limits.calls.map(part),
        tokens: limits.tokens.map(part),
        concurrency: limits.concurrency.map(part),
        pacing: pacing.max(Micros::new(limits.pacing.get().saturating_mul(processes))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(calls: u64, concurrency: u64) -> Limits {
        Limits {
            calls: NonZeroU64::new(calls),
            concurrency: NonZeroU64::new(concurrency),
            pacing: Micros::from_millis(10),
            ..Limits::default()
        }
    }

    #[test]
    fn shares_add_up_to_no_more_than_the_whole() {
        let window = Window { period: Micros::from_secs(60), guard: Micros::ZERO };
        assert_eq!(
            share(&limits(100, 8), 3, window),
            Limits { pacing: Micros::from_millis(30), ..limits(33, 2) }
        );
        // Two calls a minute for three processes: each one every 90 s.
        assert_eq!(share(&limits(2, 1), 3, window), Limits { pacing: Micros::from_secs(90), ..limits(1, 1) });
        assert_eq!(share(&limits(2, 1), 0, window), limits(2, 1));
        assert_eq!(share(&Limits::default(), 5, window), Limits::default());
    }
}
