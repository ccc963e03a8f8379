//! The limiter that processes share, as the configuration says.

use anyhow::anyhow;
use limiter_core::{BuildError, Limiter, LimiterBuilder, StoreProblem};
use tokio::runtime::{Builder, Runtime};

use crate::config::Config;
use crate::fault::Fault;

impl Config {
    /// The limiter in Redis, not yet connected.
    ///
    /// # Errors
    /// None is configured, or a limit cannot be.
    pub fn limiter(&self) -> Result<LimiterBuilder, Fault> {
        if !self.redis.is_given() {
            return Err(Fault::call(anyhow!(
                "there is no store that processes could share; set REDIS_URL=redis://host:6379/0, or url in the section \
                 [redis] of config.toml"
            )));
        }
        let limiter = &self.settings.limiter;
        let limits = limiter.limits().map_err(Fault::call)?;
        let window = limiter.window().map_err(Fault::call)?;
        let mut builder = self
            .redis
            .limiter()
            .period(window.period.into())
            .guard(window.guard.into())
            .pacing(limits.pacing.into());
        if let Some(calls) = limits.calls {
            builder = builder.max_calls(calls.get());
        }
        if let Some(tokens) = limits.tokens {
            builder = builder.max_tokens(tokens.get());
        }
        if let Some(concurrency) = limits.concurrency {
            builder = builder.max_concurrency(concurrency.get());
        }
        Ok(builder)
    }

    /// The same, connected: for what makes no sense without the store.
    ///
    /// # Errors
    /// Those of [`Config::limiter`]; and that the store cannot be used.
    pub async fn connect(&self) -> Result<Limiter, Fault> {
        self.limiter()?.connect().await.map_err(refused)
    }
}

/// Whose fault it is that there is no limiter.
pub fn refused(error: BuildError) -> Fault {
    match &error {
        BuildError::Store(store) if store.problem != StoreProblem::Url => Fault::failure(error),
        _ => Fault::call(error),
    }
}

/// What waits for the store and for processes. One thread, for a process that this one starts ends with the thread
/// that did so.
///
/// # Errors
/// The system's.
pub fn runtime() -> Result<Runtime, Fault> {
    Builder::new_current_thread().enable_all().build().map_err(Fault::failure)
}
