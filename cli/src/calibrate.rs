//! `ratepilot calibrate`.

use std::path::Path;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::json;
use simulator::calibrate::{Calibration, calibrate};
use simulator::scenario::Scenario;
use simulator::trace::{Choice, Log, LogError, TraceError};

use crate::args::{Calibrate, Common};
use crate::console::say;
use crate::fault::Fault;
use crate::folder::write_file;

/// What a terminal shows without breaking a line.
const COLUMNS: u16 = 100;

/// Fits the provider's model to a log, and writes it as a scenario.
///
/// # Errors
/// Where the log cannot be read or tells nothing, or the scenario cannot be written.
pub fn run(args: &Calibrate, common: &Common) -> Result<(), Fault> {
    let choice = Choice {
        scenario: args.scenario.clone(),
        controller: args.controller.clone(),
        replication: args.replication,
        model: args.model.clone(),
    };
    let log = Log::open(&args.log, &choice).map_err(fault)?;
    let found = calibrate(&log).map_err(Fault::failure)?;
    let name = args.out.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let text = found.scenario(&name);
    // What is written is what `simulate` takes, or nothing is written.
    Scenario::parse(&args.out.display().to_string(), &text).map_err(Fault::failure)?;
    write_file(&args.out, |out| out.write_all(text.as_bytes()))?;
    if common.json {
        return print_json(&found, &args.out);
    }
    say(&format!("{}\n{}{}", table(&found), untold(&found), next(&args.out)))
}

/// A wrong choice is the caller's; what the file holds is not.
fn fault(error: LogError) -> Fault {
    match error {
        LogError::Trace(TraceError::NotFound { .. } | TraceError::NotAFile { .. })
        | LogError::SeveralRuns { .. }
        | LogError::NoSuchRun { .. } => Fault::call(error),
        _ => Fault::failure(error),
    }
}

fn table(found: &Calibration) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(COLUMNS);
    table.set_header(["parameter", "estimate", "95%", "evidence"]);
    for row in found.findings() {
        table.add_row([row.parameter, row.estimate, row.interval, row.evidence]);
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

fn untold(found: &Calibration) -> String {
    let text: String = found.untold.iter().map(|sentence| item(sentence)).collect();
    if text.is_empty() { text } else { format!("What the log cannot tell:\n{text}\n") }
}

/// A sentence as an item of a list, broken where a terminal ends.
fn item(sentence: &str) -> String {
    let mut text = String::new();
    let mut line = String::from("  -");
    for word in sentence.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > usize::from(COLUMNS) {
            text += &format!("{line}\n");
            line = String::from("   ");
        }
        line += &format!(" {word}");
    }
    format!("{text}{line}\n")
}

fn next(out: &Path) -> String {
    let file = out.display();
    format!("The scenario is in {file}; run it with: ratepilot simulate --scenario {file}\n")
}

fn print_json(found: &Calibration, out: &Path) -> Result<(), Fault> {
    let document = json!({ "written": out, "calibration": found, "findings": found.findings() });
    let text = serde_json::to_string_pretty(&document).map_err(Fault::failure)?;
    say(&(text + "\n"))
}
