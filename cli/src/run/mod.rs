//! `ratepilot run`.

mod child;
mod program;
mod signals;
mod wait;

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use anyhow::anyhow;
use limiter_core::{AcquireError, BuildError, Fallback, Limiter, StoreProblem};
use serde_json::json;

use crate::args::{Common, Run};
use crate::config::{self, Config};
use crate::console::{note, say};
use crate::fault::Fault;
use crate::shared::{refused, runtime};
use child::Child;
use signals::Signals;

#[cfg(target_os = "linux")]
pub use child::become_tied;

/// How a command that a signal ended is told, as by a shell: this and the signal's number.
const SIGNALLED: i32 = 128;

/// Runs a command when its pool has room for it.
///
/// # Errors
/// There is no permit, or the command cannot be run.
pub fn run(args: &Run, common: &Common) -> Result<ExitCode, Fault> {
    let config = config::load(common.config.as_deref())?;
    config.limiter().map(drop)?;
    // Nobody shall wait for a permit only to hear of a misspelt command.
    program::check(args)?;
    let (runtime, json) = (runtime()?, common.json);
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let limiter = limiter(&config).await?;
        let code = supervise(&limiter, &mut signals, args, json).await;
        // What this process holds is free at once, and not only when its lease has passed.
        limiter.close().await;
        code
    })
}

/// The limiter; without its store where the store is away and the configuration says to go on then.
async fn limiter(config: &Config) -> Result<Limiter, Fault> {
    match config.limiter()?.connect().await {
        Err(BuildError::Store(error))
            if is_away(error.problem) && config.redis.fallback != Fallback::Closed =>
        {
            note(format_args!("goes on without other processes, as redis.fallback says: {error}"));
            config.limiter()?.build().map_err(refused)
        }
        result => result.map_err(refused),
    }
}

/// Not there for now, and neither wrong nor forbidden.
const fn is_away(problem: StoreProblem) -> bool {
    matches!(problem, StoreProblem::Unreachable | StoreProblem::Slow | StoreProblem::NotReady)
}

async fn supervise(
    limiter: &Limiter,
    signals: &mut Signals,
    args: &Run,
    json: bool,
) -> Result<ExitCode, Fault> {
    let permit = tokio::select! {
        biased;
        signal = signals.next() => return Ok(code(SIGNALLED + signal.as_raw())),
        permit = wait::permit(limiter, args) => permit.map_err(|error| not_granted(&args.pool, error))?,
    };
    let mut child = match Child::spawn(&args.command, json) {
        Ok(child) => child,
        Err(fault) => {
            permit.complete(Some(0));
            return Err(fault);
        }
    };
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            signal = signals.next() => child.pass(signal),
        }
    };
    let waited = permit.waited();
    permit.complete(None);
    let exit_code = exit_code(status);
    if json {
        let document = json!({
            "pool": args.pool,
            "waited_s": waited.as_secs_f64(),
            "exit_code": exit_code,
            "signal": status.signal(),
        });
        say(&format!("{document}\n"))?;
    }
    Ok(code(exit_code))
}

fn not_granted(pool: &str, error: AcquireError) -> Fault {
    match error {
        AcquireError::BadPool(error) => Fault::call(error),
        AcquireError::Timeout { waited, binding } => Fault::failure(anyhow!(
            "no permit of the pool {pool:?} within {:.1} s: it is at its limit in {binding}; give a longer --timeout, or raise \
             that limit",
            waited.as_secs_f64()
        )),
        error => Fault::failure(anyhow!("no permit of the pool {pool:?}: {error}")),
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| SIGNALLED + signal)).unwrap_or(1)
}

/// Codes are 0 to 255 on every Unix.
fn code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
