//! The binary `ratepilot`: a thin face over the crates.

mod args;
mod compare;
mod config;
mod fault;
mod folder;
mod generate;
mod progress;
mod redraw;
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
        Command::Simulate(simulate) => compare::run(simulate, &args.common),
        Command::Report(report) => redraw::run(report, &args.common),
        Command::Generate(generate) => generate::run(generate),
    }
}
