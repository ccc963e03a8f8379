//! `calls.csv`: a row for each attempt.

use std::fs::File;
use std::io::{self, BufWriter, Seek};

use simulator::{ATTEMPTS_HEADER, Attempt, Contender, Recorder};

use crate::fault::Fault;
use crate::folder::Folder;

/// The file of single attempts.
pub const CALLS_FILE: &str = "calls.csv";

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

/// Writes the rows of all runs, in order, into one file.
///
/// # Errors
/// Where a row could not be kept, or cannot be written.
pub fn write(rows: Vec<Rows>, folder: &mut Folder) -> Result<(), Fault> {
    folder.write(CALLS_FILE, |out| {
        writeln!(out, "{ATTEMPTS_HEADER}")?;
        for rows in rows {
            if let Some(error) = rows.error {
                return Err(error);
            }
            if let Some(rows) = rows.out {
                let mut file = rows.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.rewind()?;
                io::copy(&mut file, out)?;
            }
        }
        Ok(())
    })
}

/// A field as CSV has it: quoted where it must be.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
