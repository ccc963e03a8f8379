//! The binary `ratepilot`: a thin face over the crates.

mod args;
mod asked;
mod calibrate;
mod config;
mod console;
mod doctor;
mod fault;
mod folder;
mod generate;
mod league;
mod progress;
mod redis_settings;
mod report;
mod reset;
mod rows;
#[cfg(unix)]
mod run;
mod shared;
mod simulate;
mod status;
mod sweep;
mod table;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use fault::Fault;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(code) => code,
        Err(fault) => {
            let _ = fault.print(&mut std::io::stderr().lock());
            fault.code()
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, Fault> {
    let common = &args.common;
    match &args.command {
        Command::Simulate(simulate) => simulate::run(simulate, common)?,
        Command::Sweep(sweep) => sweep::run(sweep, common)?,
        Command::Report(report) => report::run(report, common)?,
        Command::Generate(generate) => generate::run(generate, common)?,
        Command::Calibrate(calibrate) => calibrate::run(calibrate, common)?,
        #[cfg(unix)]
        Command::Run(run) => return run::run(run, common),
        #[cfg(not(unix))]
        Command::Run(_) => {
            return Err(Fault::call(anyhow::anyhow!("run needs a system with signals, as Unix has")));
        }
        Command::Status(status) => status::run(status, common)?,
        Command::Reset(reset) => reset::run(reset, common)?,
        Command::Doctor => return doctor::run(common),
        #[cfg(target_os = "linux")]
        Command::Tied(tied) => return Err(run::become_tied(tied)),
    }
    Ok(ExitCode::SUCCESS)
}
