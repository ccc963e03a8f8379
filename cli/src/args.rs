//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::sweep::SweepArgs;

/// An autopilot for API rate limits.
///
/// It learns a provider's limits from its refusals, and makes every process of a service keep to them.
#[derive(Debug, Parser)]
#[command(name = "ratepilot", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Args {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// The configuration [default: config.toml, where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON document on stdout, and everything else on stderr
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Simulate a service under one or more controllers, and compare them
    ///
    /// With no argument: a day of the headline scenario `knowledge-base`, 30 times, without a limiter, under
    /// `aimd`, under `predictive` and under an oracle that knows the provider's limits. Prints a table, and writes charts, a page
    /// and files to a folder.
    #[command(after_long_help = SIMULATE_EXAMPLES)]
    Simulate(Simulate),
    /// Pick thresholds: try a grid of settings, refine around the best, and recommend one
    ///
    /// Every point is run on the same calls. Recommended is the one with the highest goodput among those whose refusals stay
    /// below the budget. A sweep can be stopped at any time; the same command goes on where it was.
    Sweep(Box<SweepArgs>),
    /// Draw the charts of an earlier run again, without simulating
    #[command(after_long_help = REPORT_EXAMPLES)]
    Report(Report),
    /// Write a trace of the calls that a scenario's callers would make
    ///
    /// The provider of the scenario refuses nothing here: what is written is the demand.
    #[command(after_long_help = GENERATE_EXAMPLES)]
    Generate(Generate),
    /// Fit a provider's model to recorded live calls, and write it as a scenario
    ///
    /// Estimates from a log what the provider allows: limits over time, how it counts, overloads, latency; and who
    /// calls. Prints each with its 95% interval and what it is learned from, and says what the log cannot tell.
    #[command(after_long_help = CALIBRATE_EXAMPLES)]
    Calibrate(Calibrate),
    /// Wait for a permit of a pool, run a command, and give the permit back
    ///
    /// All processes that use the same Redis share the pool's limits. The exit code is the command's: 128 and the signal's
    /// number where a signal ended it, 127 where it is not found, 126 where it cannot be run. Interrupts are passed on to the
    /// command. Where `run` itself is killed, the permit is given back when its lease has passed; on Linux the
    /// command is killed, too.
    #[command(after_long_help = RUN_EXAMPLES)]
    Run(Run),
    /// Show the live pools: limits, use, and who waits
    #[command(after_long_help = STATUS_EXAMPLES)]
    Status(Status),
    /// Forget which calls a pool has granted
    ///
    /// Calls in flight and those who wait stay. Limits that were set at run time stay, too, unless --limits is given.
    #[command(after_long_help = RESET_EXAMPLES)]
    Reset(Reset),
    /// Check configuration, Redis, clock and environment, and say what to do about what is wrong
    ///
    /// Shows no password and no key. The exit code is 0 where nothing is wrong; a warning is not wrong.
    #[command(after_long_help = DOCTOR_EXAMPLES)]
    Doctor,
    /// Become a command that ends with the process which started it: how `run` starts its own
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Tied(Tied),
}

/// `simulate`.
#[derive(Debug, clap::Args)]
pub struct Simulate {
    /// A built-in scenario or a TOML file; may be given more than once. `list` names the built-in ones, `all`
    /// runs them [default: knowledge-base]
    #[arg(long, value_name = "NAME|FILE")]
    pub scenario: Vec<String>,
    /// Replay the calls of this trace instead of the scenario's arrivals
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// The trace's format: auto, ratepilot, azure, mooncake, burstgpt or servegen
    #[arg(long, value_name = "FORMAT", default_value = "auto", requires = "trace")]
    pub format: String,
    /// Who is compared: none, fixed, aimd, aws-cubic, netflix-gradient, netflix-aimd, inspect, predictive, oracle, separated by
    /// commas; or all
    #[arg(long, value_name = "NAMES", default_value = "none,aimd,predictive,oracle")]
    pub controllers: String,
    /// The horizon in hours [default: the scenario's, or the trace's length]
    #[arg(long, value_name = "H", allow_negative_numbers = true)]
    pub hours: Option<f64>,
    /// Where all chance comes from: the same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub seed: u64,
    /// How often each controller is run, each time with other chances [default: 30 for a day, fewer for more, 1 for a trace]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub replications: Option<u32>,
    /// The folder for charts and files; it is made where it is missing
    #[arg(long, value_name = "DIR", default_value = "ratepilot-out")]
    pub out: PathBuf,
    /// Also write calls.csv: a row of about 115 bytes for each attempt that reaches the provider, so many GB where
    /// demand never lets up and `none` is run for days
    #[arg(long)]
    pub calls: bool,
}

/// `report`.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// The folder of the earlier run
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// `generate`.
#[derive(Debug, clap::Args)]
pub struct Generate {
    /// A built-in scenario or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "knowledge-base")]
    pub scenario: String,
    /// How many hours of calls [default: the scenario's]
    #[arg(long, value_name = "H", allow_negative_numbers = true)]
    pub hours: Option<f64>,
    /// Where all chance comes from
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub seed: u64,
    /// The trace to write
    #[arg(long, value_name = "FILE", default_value = "trace.csv")]
    pub out: PathBuf,
}

/// `calibrate`.
#[derive(Debug, clap::Args)]
pub struct Calibrate {
    /// The log, CSV or JSONL: a row an attempt, with `arrival_s`, `outcome` and, best, `code`, `granted_s`, `latency_s`,
    /// `input_tokens`, `output_tokens`; or a calls.csv of `simulate --calls`
    #[arg(long, value_name = "FILE")]
    pub log: PathBuf,
    /// The scenario to write
    #[arg(long, value_name = "FILE", default_value = "calibrated.toml")]
    pub out: PathBuf,
    /// Only the rows of this model: limits are an account's for a model
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Only the rows of this scenario, of a calls.csv that holds several
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Only the rows of this controller, of a calls.csv that holds several
    #[arg(long, value_name = "NAME")]
    pub controller: Option<String>,
    /// Only the rows of this replication, of a calls.csv that holds several
    #[arg(long, value_name = "N")]
    pub replication: Option<u32>,
}

/// `run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The pool: what the provider limits together, usually a model
    #[arg(long, value_name = "NAME")]
    pub pool: String,
    /// Tokens to reserve: an estimate of prompt and answer together
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub tokens: u64,
    /// Give up after so many seconds without a permit, with exit code 1; 0 does not wait [default: wait for as long as it takes]
    #[arg(long, value_name = "SECS", allow_negative_numbers = true, value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Who goes first: a level counts as having come 30 s earlier or later
    #[arg(long, value_name = "LEVEL", default_value = "normal")]
    pub priority: Urgency,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// How urgent a command is.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Urgency {
    /// Overtakes the normal ones.
    High,
    /// What is not said.
    Normal,
    /// Background work.
    Low,
}

/// `status`.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// The pools to show [default: all]
    #[arg(value_name = "POOL")]
    pub pools: Vec<String>,
}

/// `reset`.
#[derive(Debug, clap::Args)]
pub struct Reset {
    /// The pools to reset
    #[arg(value_name = "POOL", required_unless_present = "all")]
    pub pools: Vec<String>,
    /// All pools
    #[arg(long, conflicts_with = "pools")]
    pub all: bool,
    /// Also forget limits that were set or learned at run time: those of the configuration hold again
    #[arg(long)]
    pub limits: bool,
}

/// `tied`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
pub struct Tied {
    /// The process that started this one.
    pub parent: i32,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "give a number of seconds, not negative".to_owned())
}

const SIMULATE_EXAMPLES: &str = "\
Examples:
  # what ratepilot does, in one table and a few charts
  ratepilot simulate

  # your own service: copy a built-in scenario, change what differs
  ratepilot simulate --scenario my-service.toml --controllers none,predictive,oracle

  # the calls that your service really made, against the provider of a scenario
  ratepilot simulate --trace calls.csv --scenario step-down --controllers predictive

  # every attempt, for your own analysis; numbers for a script
  ratepilot simulate --scenario constant --replications 1 --calls --json > summary.json

  # the scenarios that come with it
  ratepilot simulate --scenario list

Exit codes: 0 done, 1 it went wrong, 2 the call was wrong.";

const REPORT_EXAMPLES: &str = "\
Examples:
  ratepilot simulate --out yesterday
  ratepilot report yesterday

Exit codes: 0 done, 1 it went wrong, 2 the call was wrong.";

const GENERATE_EXAMPLES: &str = "\
Examples:
  ratepilot generate --scenario knowledge-base --hours 8 --out demand.csv
  ratepilot simulate --trace demand.csv --scenario overload

Exit codes: 0 done, 1 it went wrong, 2 the call was wrong.";

const CALIBRATE_EXAMPLES: &str = "\
Examples:
  # from recorded calls to a scenario, and what a controller would do there
  ratepilot calibrate --log calls.jsonl --out my-provider.toml
  ratepilot simulate --scenario my-provider.toml --controllers none,predictive,oracle

  # the recorded calls themselves against the calibrated provider, where each was sent once
  ratepilot simulate --trace calls.jsonl --scenario my-provider.toml

  # one model of several
  ratepilot calibrate --log calls.jsonl --model glm-4.6 --out glm-4.6.toml

  # how well it finds again what a simulation was told
  ratepilot simulate --scenario step-down --replications 1 --calls --out step-down
  ratepilot calibrate --log step-down/calls.csv --controller predictive --out found.toml

What a log needs stands in docs/FORMATS.md, the method and its limits in docs/CALIBRATION.md.
Exit codes: 0 done, 1 it went wrong, 2 the call was wrong.";

const RUN_EXAMPLES: &str = "\
Examples:
  # one call, when the account has room for it
  export REDIS_URL=redis://localhost:6379/0
  ratepilot run --pool glm-4.6 --tokens 1200 -- curl -d @request.json https://llm.example/chat

  # a nightly batch that lets others go first, and gives up a call after ten minutes
  ratepilot run --pool glm-4.6 --priority low --timeout 600 -- python summarise.py

  # one at a time, on whatever machine
  export RATEPILOT__LIMITER__MAX_CONCURRENCY=1
  ratepilot run --pool nightly -- ./nightly.sh

With --json the command's stdout goes to stderr, and stdout gets one document: pool, waited_s, exit_code, signal.

Exit codes: the command's; 1 no permit, 2 the call was wrong, 126 and 127 the command cannot be run or found.";

const STATUS_EXAMPLES: &str = "\
Examples:
  ratepilot status
  ratepilot status glm-4.6 --json

Exit codes: 0 done, 1 it went wrong (no such pool, no Redis), 2 the call was wrong.";

const RESET_EXAMPLES: &str = "\
Examples:
  # the provider's window is known to be empty: do not wait for ours
  ratepilot reset glm-4.6

  # back to the limits of config.toml
  ratepilot reset glm-4.6 --limits

  ratepilot reset --all

Exit codes: 0 done, 1 it went wrong (no such pool, no Redis), 2 the call was wrong.";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  ratepilot doctor
  REDIS_URL=rediss://user:password@redis.example:6380/0 ratepilot doctor --json

Exit codes: 0 nothing is wrong, 1 something is, 2 the call was wrong.";
