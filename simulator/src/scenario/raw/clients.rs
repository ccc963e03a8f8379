//! `[clients]`: the services between the callers and the provider.

use std::num::NonZeroU32;
use std::ops::Bound::{Excluded, Included};

use limiter_core::Micros;
use serde::Deserialize;
use settings::{Cursor, SettingsError};

use super::super::{Clients, LogNormal};
use super::log_normal::RawLogNormal;

const MAX_PROCESSES: u32 = 1_000;
const MAX_RETRIES: u32 = 1_000;
const MAX_DEADLINE_S: f64 = 86_400.0;
/// An hour.
const MAX_DELAY_MS: f64 = 3_600_000.0;

const NETWORK_DELAY_MS: LogNormal = LogNormal { median: 30.0, sigma: 0.4 };

/// The table's keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawClients {
    processes: NonZeroU32,
    network_delay_ms: RawLogNormal,
    store_delay_ms: f64,
    retries: u32,
    retries_without_limiter: u32,
    deadline_s: f64,
}

impl Default for RawClients {
    fn default() -> Self {
        Self {
            processes: NonZeroU32::MIN,
            network_delay_ms: RawLogNormal::default(),
            store_delay_ms: 0.5,
            retries: 5,
            retries_without_limiter: 0,
            deadline_s: 120.0,
        }
    }
}

impl RawClients {
    pub(super) fn resolve(&self, at: &Cursor<'_>) -> Result<Clients, SettingsError> {
        at.key("processes").within(self.processes.get(), 1..=MAX_PROCESSES, "")?;
        let delays = 0.0..=MAX_DELAY_MS;
        let network =
            self.network_delay_ms.resolve(&at.key("network_delay_ms"), NETWORK_DELAY_MS, delays.clone())?;
        let store_ms = at.key("store_delay_ms").within(self.store_delay_ms, delays, "")?;
        let deadlines = (Excluded(0.0), Included(MAX_DEADLINE_S));
        let deadline_s = at.key("deadline_s").within(self.deadline_s, deadlines, "")?;
        let retries = |key: &str, times| at.key(key).within(times, 0..=MAX_RETRIES, "");
        Ok(Clients {
            processes: self.processes,
            network_delay_s: LogNormal { median: network.median / 1e3, ..network },
            store_delay: Micros::from_secs_f64(store_ms / 1e3),
            retries: retries("retries", self.retries)?,
            retries_without_limiter: retries("retries_without_limiter", self.retries_without_limiter)?,
            deadline: Micros::from_secs_f64(deadline_s),
        })
    }
}
