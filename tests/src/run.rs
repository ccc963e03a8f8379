//! Runs a world in this process.

use std::io::Write;

use adaptive::Settings;
use simulator::scenario::Scenario;
use simulator::trace::{Trace, TraceCall, write_csv};
use simulator::{Attempt, Contender, Plan, Recorder, Run};
use tempfile::NamedTempFile;

use crate::row::{HEADER, Row};

/// What happened in the first replication of `scenario`, and every attempt.
///
/// # Panics
/// Where the settings cannot be, or the trace cannot be read.
pub fn attempts(
    scenario: &Scenario,
    trace: Option<&Trace>,
    settings: &Settings,
    contender: Contender,
    seed: u64,
) -> (Run, Vec<Attempt>) {
    let plan = Plan { scenario, trace, settings, contenders: &[contender], replications: 1, seed };
    plan.run(contender, 0, Vec::new(), || {}).unwrap_or_else(|error| panic!("{error}"))
}

/// The same, with the rows as `calls.csv` has them, read back from their text.
pub fn rows(scenario: &Scenario, settings: &Settings, contender: Contender, seed: u64) -> (Run, Vec<Row>) {
    let plan = Plan { scenario, trace: None, settings, contenders: &[contender], replications: 1, seed };
    let text = Text { run: format!("{},{contender},0", scenario.name), text: format!("{HEADER}\n").into() };
    let (run, Text { text, .. }) =
        plan.run(contender, 0, text, || {}).unwrap_or_else(|error| panic!("{error}"));
    (run, Row::read_all(&String::from_utf8(text).expect("rows are text")))
}

/// The same, as a file that a user would calibrate on.
///
/// # Panics
/// Where the settings cannot be, or the file cannot be written.
pub fn log(
    scenario: &Scenario,
    settings: &Settings,
    contender: Contender,
    seed: u64,
) -> (Run, NamedTempFile) {
    let plan = Plan { scenario, trace: None, settings, contenders: &[contender], replications: 1, seed };
    let text = Text { run: format!("{},{contender},0", scenario.name), text: format!("{HEADER}\n").into() };
    let (run, Text { text, .. }) =
        plan.run(contender, 0, text, || {}).unwrap_or_else(|error| panic!("{error}"));
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(&text).expect("a temporary file can be written");
    (run, file)
}

/// A trace of these calls, and the file that it lasts as long as.
///
/// # Panics
/// Where it cannot be written or read.
pub fn trace(calls: &[TraceCall]) -> (Trace, NamedTempFile) {
    let mut file = NamedTempFile::new().expect("a temporary file");
    write_csv(calls.iter().copied(), &mut file).expect("a temporary file can be written");
    let trace = Trace::open(file.path(), None).unwrap_or_else(|error| panic!("{error}"));
    (trace, file)
}

struct Text {
    run: String,
    text: Vec<u8>,
}

impl Recorder for Text {
    fn record(&mut self, attempt: &Attempt) {
        attempt.write(&self.run, &mut self.text).expect("memory can be written to");
    }
}
