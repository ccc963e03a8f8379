//! `ratepilot status`.

use std::num::NonZeroU64;

use anyhow::anyhow;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use limiter_core::{Limiter, Limits, Micros, PoolError, PoolStatus, Sharing};
use serde_json::{Value, json};

use crate::args::{Common, Status};
use crate::config;
use crate::console::say;
use crate::fault::Fault;
use crate::shared::runtime;

/// A pool that is in use, or was.
pub struct Live {
    pub name: String,
    pub status: PoolStatus,
    pub sharing: Sharing,
}

/// Shows the live pools.
///
/// # Errors
/// There is no store, or no such pool.
pub fn run(args: &Status, common: &Common) -> Result<(), Fault> {
    let config = config::load(common.config.as_deref())?;
    let pools = runtime()?.block_on(async {
        let limiter = config.connect().await?;
        live(&limiter, &args.pools).await
    })?;
    if common.json {
        let pools: Vec<_> = pools.iter().map(document).collect();
        return say(&format!("{}\n", json!({ "pools": pools })));
    }
    if pools.is_empty() {
        let prefix = &config.redis.prefix;
        return say(&format!(
            "There are no pools under the prefix {prefix:?} yet. The first call makes one: \
             ratepilot run --pool NAME -- CMD\n"
        ));
    }
    say(&table(&pools))
}

/// The pools of these names, or all of them.
///
/// # Errors
/// There is no store, or no pool of one of the names.
pub async fn live(limiter: &Limiter, names: &[String]) -> Result<Vec<Live>, Fault> {
    let all = limiter.pools().await.map_err(Fault::failure)?;
    let mut live = Vec::new();
    for name in if names.is_empty() { &all } else { names } {
        let status = limiter.peek(name).await.map_err(|error| match error {
            PoolError::BadPool(error) => Fault::call(error),
            error => Fault::failure(error),
        })?;
        match status.sharing {
            Some(sharing) => live.push(Live { name: name.clone(), status, sharing }),
            // The store has lost it since it was noted down.
            None if names.is_empty() => {}
            None => return Err(unknown(name, &all)),
        }
    }
    Ok(live)
}

fn unknown(name: &str, all: &[String]) -> Fault {
    let advice = match settings::nearest(name, all.iter().map(String::as_str)) {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => "`ratepilot status` names those there are".to_owned(),
    };
    Fault::failure(anyhow!("there is no pool {name:?}: {advice}"))
}

fn document(pool: &Live) -> Value {
    let Live { name, status: PoolStatus { seen, waiting, limits, .. }, sharing } = pool;
    json!({
        "name": name,
        "limits": limits_document(limits),
        "limits_set": sharing.limits_set,
        "window_s": sharing.window.period.as_secs_f64(),
        "guard_s": sharing.window.guard.as_secs_f64(),
        "calls": seen.calls,
        "tokens": seen.tokens,
        "in_flight": seen.in_flight,
        "waiting": waiting,
        "oldest_wait_s": sharing.oldest_wait.map(Micros::as_secs_f64),
        "processes": sharing.processes,
        "since_cut_s": sharing.since_cut.map(Micros::as_secs_f64),
    })
}

/// Limits as JSON; `null` does not limit.
pub fn limits_document(limits: &Limits) -> Value {
    json!({
        "version": limits.version,
        "calls": limits.calls,
        "tokens": limits.tokens,
        "concurrency": limits.concurrency,
        "pacing_s": limits.pacing.as_secs_f64(),
    })
}

fn table(pools: &[Live]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["pool", "window", "calls", "tokens", "in flight", "waiting", "processes", "limits"]);
    for pool in pools {
        table.add_row(row(pool));
    }
    for column in table.column_iter_mut().skip(1).take(6) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn row(pool: &Live) -> [String; 8] {
    let Live { name, status: PoolStatus { seen, waiting, limits, .. }, sharing } = pool;
    let of = |used: u64, limit: Option<NonZeroU64>| match limit {
        Some(limit) => format!("{used} / {limit}"),
        None => format!("{used} / -"),
    };
    let oldest = sharing.oldest_wait.map_or_else(String::new, |wait| format!(" ({})", seconds(wait)));
    let origin = if sharing.limits_set { "set" } else { "configured" };
    let cut = sharing.since_cut.map_or_else(String::new, |since| format!(", cut {} ago", seconds(since)));
    let pacing = match limits.pacing {
        Micros::ZERO => String::new(),
        pacing => format!(", {pacing} apart"),
    };
    [
        name.clone(),
        seconds(sharing.window.period),
        of(seen.calls, limits.calls),
        of(seen.tokens, limits.tokens),
        of(seen.in_flight, limits.concurrency),
        format!("{waiting}{oldest}"),
        sharing.processes.to_string(),
        format!("v{} {origin}{pacing}{cut}", limits.version),
    ]
}

/// A span for people: whole seconds, unless it is shorter than that.
fn seconds(span: Micros) -> String {
    let seconds = span.as_secs_f64();
    if seconds < 1.0 { format!("{seconds} s") } else { format!("{seconds:.0} s") }
}

#[cfg(test)]
mod tests {
    use limiter_core::{Seen, Window};

    use super::*;

    #[test]
    fn the_table_says_what_is_used_of_what() {
        let limits = Limits {
            version: 3,
            calls: NonZeroU64::new(60),
            pacing: Micros::from_millis(100),
            ..Limits::default()
        };
        let sharing = Sharing {
            processes: 2,
            window: Window::default(),
            limits_set: true,
            since_cut: Some(Micros::from_secs(90)),
            oldest_wait: Some(Micros::from_millis(12_300)),
        };
        let seen = Seen { calls: 12, tokens: 900, in_flight: 3, version: 3 };
        let status = PoolStatus { seen, waiting: 4, limits, sharing: Some(sharing) };
        assert_eq!(
            table(&[Live { name: "glm-4.6".to_owned(), status, sharing }]),
            " pool     window    calls   tokens  in flight   waiting  processes  limits\n \
              glm-4.6    60 s  12 / 60  900 / -      3 / -  4 (12 s)          2  v3 set, 0.100 s apart, cut 90 s ago\n"
        );
    }
}
