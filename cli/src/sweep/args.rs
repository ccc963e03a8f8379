//! The arguments of `sweep`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::shard::Shard;

/// `sweep`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true, after_long_help = EXAMPLES)]
pub struct SweepArgs {
    /// Puts the shards of a sweep together.
    #[command(subcommand)]
    pub command: Option<SweepCommand>,
    /// A built-in scenario or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "knowledge-base")]
    pub scenario: String,
    /// Replay the calls of this trace instead of the scenario's arrivals
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// The trace's format: auto, ratepilot, azure, mooncake, burstgpt or servegen
    #[arg(long, value_name = "FORMAT", default_value = "auto", requires = "trace")]
    pub format: String,
    /// Whose settings are tried: fixed, aimd, aws-cubic, netflix-gradient, netflix-aimd, inspect, predictive, separated by
    /// commas; or all
    #[arg(long, value_name = "NAMES", default_value = "fixed,predictive")]
    pub controllers: String,
    /// A key of config.toml and its values: a list (2,5,10), a range with both ends (20..120:10), or both; may be given
    /// more than once, and every combination is tried [default: max_calls_per_minute and max_concurrency, from a quarter
    /// of the configuration's to twice as much]
    #[arg(long, value_name = "KEY=VALUES")]
    pub grid: Vec<String>,
    /// How many times the surroundings of the best point are tried as well, halfway to its neighbours
    #[arg(long, value_name = "N", default_value_t = 2, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub refine: u32,
    /// Refusals an hour that are acceptable: the upper end of their 95% interval must lie below
    #[arg(long, value_name = "HITS", default_value_t = 1.0, allow_negative_numbers = true)]
    pub budget: f64,
    /// The horizon in hours [default: the scenario's, or the trace's length]
    #[arg(long, value_name = "H", allow_negative_numbers = true)]
    pub hours: Option<f64>,
    /// Where all chance comes from: the same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub seed: u64,
    /// How often each point is run, each time with other chances [default: 30 for a day, fewer for more, 1 for a trace]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub replications: Option<u32>,
    /// Measure one part of N only, for `sweep merge`; parts count from 0 or from 1 (0/8 and 8/8 are the same)
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// The folder for charts and files, and for what has been measured so far; it is made where it is missing
    #[arg(long, value_name = "DIR", default_value = "ratepilot-sweep")]
    pub out: PathBuf,
}

/// What else there is to do with a sweep.
#[derive(Debug, Subcommand)]
pub enum SweepCommand {
    /// Put the shards of a sweep together, refine around the best point, and recommend one
    ///
    /// The result is that of one sweep, byte for byte.
    #[command(after_long_help = MERGE_EXAMPLES)]
    Merge(MergeArgs),
}

/// `sweep merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The folders of all shards, in any order
    #[arg(value_name = "DIR", required = true)]
    pub dirs: Vec<PathBuf>,
    /// The trace, where it is not where the shards found it
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// The folder for charts and files
    #[arg(long, value_name = "DIR", default_value = "ratepilot-sweep")]
    pub out: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  # which limits suit the headline scenario
  ratepilot sweep

  # your own calls, against the provider of a scenario
  ratepilot sweep --trace calls.csv --scenario step-down --controllers predictive

  # your own grid, over any keys of config.toml
  ratepilot sweep --scenario constant --grid max_calls_per_minute=40..60:5 --grid pacing_ms=0,200

  # how much a controller may spend on learning, where two refusals an hour are acceptable
  ratepilot sweep --controllers predictive --grid hits_per_hour=0.3..1.5:0.3 --budget 2

  # try what is recommended
  ratepilot simulate --config ratepilot-sweep/recommended.toml --controllers none,predictive,oracle

  # a third of it, on each of three machines; then all together
  ratepilot sweep --shard 1/3 --out part-1
  ratepilot sweep merge part-1 part-2 part-3

Stopped (Ctrl-C, a crash), the same command goes on where it was. Machines: docs/SWEEPS.md.
Exit codes: 0 done, 1 it went wrong, 2 the call was wrong.";

const MERGE_EXAMPLES: &str = "\
Examples:
  ratepilot sweep --shard 1/2 --out part-1
  ratepilot sweep --shard 2/2 --out part-2
  ratepilot sweep merge part-1 part-2 --out ratepilot-sweep

Exit codes: 0 done, 1 it went wrong, 2 the call was wrong.";
