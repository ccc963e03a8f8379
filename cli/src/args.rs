//! The command line.

use std::path::PathBuf;

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
