//! `calls.csv`: a row for each attempt.

use std::fs::File;
use std::io::{self, BufWriter, Seek};

use simulator::scenario::{Process, Scenario};
use simulator::trace::Trace;
use simulator::{ATTEMPTS_HEADER, Attempt, Contender, Recorder};

use crate::console::note;
use crate::fault::Fault;
use crate::folder::Folder;

/// The file of single attempts.
pub const CALLS_FILE: &str = "calls.csv";

/// What a row takes, more or less.
const ROW_BYTES: f64 = 115.0;
/// From here on a file is larger than anyone expects.
const LARGE_BYTES: f64 = 1e9;

/// The rows of `calls.csv` of one run, kept in a file of their own until all runs are done.
pub struct Rows {
    run: String,
    out: Option<BufWriter<File>>,
    error: Option<io::Error>,
}

impl Rows {
    /// An empty one; it keeps nothing where there is no folder.
    pub fn new(folder: Option<&Folder>, scenario: &str, contender: Contender, replication: u32) -> Self {
        let run = csv_field(scenario) + &format!(",{contender},{replication}");
        match folder.map(Folder::scratch).transpose() {
            Ok(file) => Self { run, out: file.map(BufWriter::new), error: None },
            Err(error) => Self { run, out: None, error: Some(error) },
        }
    }
}

impl Recorder for Rows {
    fn record(&mut self, attempt: &Attempt) {
        if let Some(out) = self.out.as_mut().filter(|_| self.error.is_none()) {
            self.error = attempt.write(&self.run, out).err();
        }
    }
}

/// What the rows of one replication under all contenders may take: an estimate from above, without retries.
pub fn expected_bytes(scenario: &Scenario, contenders: &[Contender], trace: Option<&Trace>) -> f64 {
    let hours = scenario.horizon.as_secs_f64() / 3_600.0;
    let highest = |rate: f64| rate * hours;
    let attempts = |contender: &Contender| match (&scenario.arrivals.process, trace) {
        (_, Some(trace)) => trace.call_count() as f64,
        (Process::Poisson(rate), None) => highest(rate.values().fold(0.0, f64::max)),
        (Process::Sessions { calls_per_hour, .. }, None) => {
            highest(calls_per_hour.values().fold(0.0, f64::max))
        }
        (Process::Saturated { workers, think }, None) => {
            let travel = 2.0 * scenario.clients.network_delay_s.median;
            // Without a limiter most are refused at once; with one, a call takes at least as long as an answer.
            let served = if *contender == Contender::None { 0.0 } else { scenario.provider.latency.base_s };
            let turn_s = (think.as_secs_f64() + travel + served).max(1e-3);
            highest(f64::from(workers.get()) * 3_600.0 / turn_s)
        }
    };
    contenders.iter().map(attempts).sum::<f64>() * ROW_BYTES
}

/// Says so, where a run's rows may fill a disk.
pub fn warn(expected_bytes: f64) {
    if expected_bytes >= LARGE_BYTES {
        note(format_args!(
            "{CALLS_FILE} may take up to {}, and as much again while it is written: fewer --controllers, --hours or \
             --replications make it smaller",
            size(expected_bytes)
        ));
    }
}

/// A file's size as people read it: `12.3 MB`.
pub fn size(bytes: f64) -> String {
    let (mut size, mut unit) = (bytes, "bytes");
    for larger in ["kB", "MB", "GB", "TB", "PB"] {
        if size < 1e3 {
            break;
        }
        (size, unit) = (size / 1e3, larger);
    }
    if unit == "bytes" { format!("{size:.0} {unit}") } else { format!("{size:.1} {unit}") }
}

/// Writes the rows of all runs, in order, into one file; how many bytes there are.
///
/// # Errors
/// Where a row could not be kept, or cannot be written.
pub fn write(rows: Vec<Rows>, folder: &mut Folder) -> Result<u64, Fault> {
    let mut bytes = ATTEMPTS_HEADER.len() as u64 + 1;
    folder.write(CALLS_FILE, |out| {
        writeln!(out, "{ATTEMPTS_HEADER}")?;
        for rows in rows {
            if let Some(error) = rows.error {
                return Err(error);
            }
            if let Some(rows) = rows.out {
                let mut file = rows.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.rewind()?;
                bytes += io::copy(&mut file, out)?;
            }
        }
        Ok(())
    })?;
    Ok(bytes)
}

/// A field as CSV has it: quoted where it must be.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use adaptive::Kind;

    use super::*;

    #[test]
    fn sizes_are_told_in_their_unit() {
        assert_eq!(
            [0.0, 999.0, 12_345.0, 2.5e9, 1e18].map(size),
            ["0 bytes", "999 bytes", "12.3 kB", "2.5 GB", "1000.0 PB"]
        );
    }

    #[test]
    fn callers_that_never_rest_are_expected_to_fill_a_disk() {
        let text = |name: &str| simulator::scenario::builtin::find(name).unwrap();
        let expected = |name: &str, contender: Contender| {
            expected_bytes(&Scenario::parse(name, text(name)).unwrap(), &[contender], None)
        };
        let predictive = Contender::Controller(Kind::Predictive);
        assert!(expected("hard-day", Contender::None) > LARGE_BYTES);
        assert!(expected("hard-day", predictive) < expected("hard-day", Contender::None));
        assert!(expected("knowledge-base", Contender::None) < LARGE_BYTES / 100.0);
    }
}
