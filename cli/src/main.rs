//! The binary `ratepilot`: a thin face over the crates.

mod args;
mod asked;
mod calibrate;
mod config;
mod console;
mod fault;
mod folder;
mod generate;
mod league;
mod progress;
mod report;
mod rows;
mod simulate;
mod sweep;
mod table;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use fault::Fault;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let _ = fault.print(&mut std::io::stderr().lock());
            fault.code()
        }
    }
}

fn run(args: &Args) -> Result<(), Fault> {
    match &args.command {
        Command::Simulate(simulate) => simulate::run(simulate, &args.common),
        Command::Sweep(sweep) => sweep::run(sweep, &args.common),
        Command::Report(report) => report::run(report, &args.common),
        Command::Generate(generate) => generate::run(generate, &args.common),
        Command::Calibrate(calibrate) => calibrate::run(calibrate, &args.common),
    }
}
