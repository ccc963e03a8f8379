//! `ratepilot reset`.

use limiter_core::Limiter;
use serde_json::{Value, json};

use crate::args::{Common, Reset};
use crate::config;
use crate::console::say;
use crate::fault::Fault;
use crate::shared::runtime;
use crate::status::{Live, limits_document, live};

/// Clears the old data of pools.
///
/// # Errors
/// There is no store, or no pool of one of the names; then none is cleared.
pub fn run(args: &Reset, common: &Common) -> Result<(), Fault> {
    let config = config::load(common.config.as_deref())?;
    let done = runtime()?.block_on(async {
        let limiter = config.connect().await?;
        let mut done = Vec::new();
        for pool in live(&limiter, &args.pools).await? {
            done.push(reset(&limiter, pool, args.limits).await?);
        }
        limiter.close().await;
        Ok::<_, Fault>(done)
    })?;
    if common.json {
        let done: Vec<_> = done.iter().map(|(document, _)| document).collect();
        return say(&format!("{}\n", json!({ "reset": done })));
    }
    if done.is_empty() {
        return say("There are no pools.\n");
    }
    say(&done.into_iter().map(|(_, words)| words + "\n").collect::<String>())
}

/// Resets one pool; what was done, as JSON and in words.
async fn reset(limiter: &Limiter, pool: Live, limits: bool) -> Result<(Value, String), Fault> {
    let Live { name, status, .. } = pool;
    if limits {
        limiter.forget_limits(&name).await.map_err(Fault::failure)?;
    } else {
        limiter.reset(&name).await.map_err(Fault::failure)?;
    }
    let now = limiter.limits(&name).await.map_err(Fault::failure)?;
    let document = json!({
        "name": name,
        "calls_forgotten": status.seen.calls,
        "tokens_forgotten": status.seen.tokens,
        "limits_forgotten": limits,
        "limits": limits_document(&now),
    });
    let what = if limits { "its limits are those of the configuration again" } else { "its limits stay" };
    let calls = reports::text::counted(status.seen.calls, "call");
    let in_flight = status.seen.in_flight;
    let words = format!(
        "{name}: forgot {calls} of the window; {in_flight} in flight and those who wait stay, {what}"
    );
    Ok((document, words))
}
