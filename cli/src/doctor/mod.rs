//! `ratepilot doctor`.

mod check;
mod environment;
mod store;

use std::process::ExitCode;

use serde_json::json;

use crate::args::Common;
use crate::config::{self, Config};
use crate::console::say;
use crate::fault::Fault;
use crate::shared::{refused, runtime};
use check::{Check, Level};

/// Checks whatever a service with ratepilot stands on.
///
/// # Errors
/// What was found cannot be printed.
pub fn run(common: &Common) -> Result<ExitCode, Fault> {
    let mut checks = Vec::new();
    match config::load(common.config.as_deref()) {
        Ok(config) => {
            checks.push(environment::configuration(&config.sources));
            checks.extend(environment::keys());
            checks.extend(runtime()?.block_on(store(&config)));
        }
        Err(fault) => {
            checks.push(Check::wrong(
                "configuration",
                fault.to_string(),
                "mend it; the rest is checked then",
            ));
            checks.extend(environment::keys());
        }
    }
    checks.push(Check::ok("upstream", "not configured"));
    let count = |level| checks.iter().filter(|check| check.level == level).count();
    let (wrong, warnings) = (count(Level::Wrong), count(Level::Warn));
    if common.json {
        say(&format!("{}\n", json!({ "checks": checks, "wrong": wrong, "warnings": warnings })))?;
    } else {
        let lines: String = checks.iter().map(ToString::to_string).collect();
        say(&format!("{lines}\n{wrong} wrong, {warnings} to look at\n"))?;
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn store(config: &Config) -> Vec<Check> {
    if !config.redis.is_given() {
        let advice =
            "run, status and reset need one: set REDIS_URL, or url in the section [redis] of config.toml";
        return vec![Check::warn("redis", "none is configured", advice)];
    }
    let limiter = match config.limiter().and_then(|builder| builder.build().map_err(refused)) {
        Ok(limiter) => limiter,
        Err(fault) => {
            let advice = "mend REDIS_URL, or url in the section [redis] of the configuration";
            return vec![Check::wrong("redis", fault.to_string(), advice)];
        }
    };
    match limiter.examine().await {
        Ok(Some(facts)) => store::checks(&facts, config.redis.timeout()),
        Ok(None) => Vec::new(),
        Err(error) => vec![Check::wrong("redis", error.detail, error.problem.to_string())],
    }
}
