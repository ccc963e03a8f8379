//! The section `[redis]` of the configuration: the store that processes share.

use std::time::Duration;

use limiter_core::{Fallback, Limiter, LimiterBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use settings::{Cursor, SettingsError};

/// The section `[redis]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSettings {
    /// Where it is; empty: there is none. It may hold a password, so nothing prints it.
    #[serde(skip_serializing)]
    url: SecretString,
    /// What all keys and channels begin with.
    pub prefix: String,
    /// What a limiter does while Redis is away.
    pub fallback: Fallback,
    /// How long what a process has in flight stays its own after it was last heard of, in seconds.
    lease_s: f64,
    /// The longest that Redis may take to answer, in milliseconds.
    timeout_ms: u64,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: String::new().into(),
            prefix: "ratepilot".to_owned(),
            fallback: Fallback::default(),
            lease_s: LimiterBuilder::DEFAULT_LEASE.as_secs_f64(),
            timeout_ms: LimiterBuilder::DEFAULT_STORE_TIMEOUT.as_millis() as u64,
        }
    }
}

impl RedisSettings {
    /// Whether there is one to connect to.
    pub fn is_given(&self) -> bool {
        !self.url.expose_secret().trim().is_empty()
    }

    /// The longest that Redis may take to answer.
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// Whether every value can be; whether the URL can shows when a limiter is built.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn check(&self, section: &Cursor<'_>) -> Result<(), SettingsError> {
        section.key("lease_s").within(self.lease_s, 1.0..=3_600.0, "about what a hung process may cost")?;
        section.key("timeout_ms").within(self.timeout_ms, 10..=60_000, "")?;
        let unfit = |c: char| c.is_control() || matches!(c, '{' | '}');
        if self.prefix.is_empty() || self.prefix.len() > 64 || self.prefix.contains(unfit) {
            let rule = "must be 1 to 64 bytes long, without control characters and braces";
            return Err(section.key("prefix").reject(rule));
        }
        Ok(())
    }

    /// A limiter there, without limits so far.
    pub fn limiter(&self) -> LimiterBuilder {
        Limiter::redis(self.url.expose_secret())
            .prefix(&self.prefix)
            .fallback(self.fallback)
            .lease(Duration::from_secs_f64(self.lease_s))
            .store_timeout(self.timeout())
    }
}
