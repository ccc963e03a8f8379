//! What can be wrong with a trace: where, what was found, what was expected, and what to do.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use super::format::{Format, UNKNOWN_FORMAT_HINT};
use super::lines::MAX_ROW_BYTES;

/// Why a trace cannot be read. Lines count from 1, as an editor shows them; what was found is escaped and cut.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// There is no such file.
    #[error("{}: there is no such file; check the path", file.display())]
    NotFound {
        /// The path that was asked for.
        file: PathBuf,
    },
    /// A directory, a pipe or a device.
    #[error("{}: is {found}, expected a regular file; name the trace file itself, save a stream to one first", file.display())]
    NotAFile {
        /// The path that was asked for.
        file: PathBuf,
        /// What is there instead.
        found: &'static str,
    },
    /// The file may not be read.
    #[error("{}: permission denied; make the file readable for this user", file.display())]
    Denied {
        /// The path that was asked for.
        file: PathBuf,
    },
    /// The operating system failed to read.
    #[error("{}: cannot be read: {source}; try again, or copy the file to a local disk", file.display())]
    Io {
        /// The path that was asked for.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No bytes, or blank lines only.
    #[error("{}:1: the file is empty, expected at least one call; was the export finished?", file.display())]
    Empty {
        /// The trace.
        file: PathBuf,
    },
    /// A header without rows, or windows in which nobody calls.
    #[error("{}:{line}: the file ends without a call, expected at least one; was the export finished?", file.display())]
    NoCalls {
        /// The trace.
        file: PathBuf,
        /// Its last line.
        line: u64,
    },
    /// Not text.
    #[error("{}:{line}: found `{found}`, expected UTF-8 text; decompress the file, or export it as CSV or JSONL", file.display())]
    Binary {
        /// The trace.
        file: PathBuf,
        /// The line that is not text.
        line: u64,
        /// How it begins.
        found: String,
    },
    /// No known format begins like this.
    #[error("{}:{line}: found `{found}`, which begins no known format; {UNKNOWN_FORMAT_HINT}", file.display())]
    UnknownFormat {
        /// The trace.
        file: PathBuf,
        /// Its first line that is not blank.
        line: u64,
        /// How that line begins.
        found: String,
    },
    /// The format that was asked for does not begin like this.
    #[error("{}:{line}: found `{found}`, expected {}, as {format} has; let `--format auto` tell the format", file.display(), format.first_line())]
    WrongFormat {
        /// The trace.
        file: PathBuf,
        /// Its first line that is not blank.
        line: u64,
        /// How that line begins.
        found: String,
        /// The format that was asked for.
        format: Format,
    },
    /// A column that the own format does not have, or has already.
    #[error("{}:{line}: found the column `{found}`, expected {expected}; rename or remove it", file.display())]
    Column {
        /// The trace.
        file: PathBuf,
        /// The header's line.
        line: u64,
        /// The column's name.
        found: String,
        /// The columns there may be.
        expected: Cow<'static, str>,
    },
    /// A row with too few or too many fields.
    #[error("{}:{line}: found {found} fields, expected {expected}; quote fields that hold a comma, or remove the row", file.display())]
    FieldCount {
        /// The trace.
        file: PathBuf,
        /// The row's line.
        line: u64,
        /// Fields in the row.
        found: usize,
        /// Fields in the header, or in the format.
        expected: usize,
    },
    /// A field that is not what its column holds.
    #[error("{}:{line}: found `{found}` in `{column}`, expected {expected}; correct or remove the row", file.display())]
    Field {
        /// The trace.
        file: PathBuf,
        /// The row's line.
        line: u64,
        /// The column's name.
        column: &'static str,
        /// What the field holds.
        found: String,
        /// What it should hold.
        expected: Cow<'static, str>,
    },
    /// A line that is not the JSON object that the format has there.
    #[error("{}:{line}:{column}: found `{found}`: {problem}; expected one JSON object a line: correct or remove the line", file.display())]
    Json {
        /// The trace.
        file: PathBuf,
        /// The line.
        line: u64,
        /// The byte in the line, from 1, where it goes wrong.
        column: usize,
        /// How the line begins.
        found: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The last line has no end, and is no whole row.
    #[error("{}:{line}: the file ends in the middle of a row ({found}), expected a whole one; fetch the rest, or remove the row", file.display())]
    Cut {
        /// The trace.
        file: PathBuf,
        /// The last line.
        line: u64,
        /// What is wrong with the row.
        found: String,
    },
    /// A quote that is not closed on its line.
    #[error("{}:{line}: found a quote that is not closed, expected a row on one line; close or remove it", file.display())]
    OpenQuote {
        /// The trace.
        file: PathBuf,
        /// The row's line.
        line: u64,
    },
    /// A row that is too long to be one, often a file without line ends.
    #[error("{}:{line}: found more than {MAX_ROW_BYTES} bytes in a row, expected one call; end each row with a line end", file.display())]
    RowTooLong {
        /// The trace.
        file: PathBuf,
        /// The line on which the row goes on.
        line: u64,
    },
    /// Arrivals that lie too far apart to be one trace.
    #[error("{}:{line}: found a trace of {found_days:.1} days, expected at most ten years; check the unit of the arrivals", file.display())]
    TooLong {
        /// The trace.
        file: PathBuf,
        /// The first line with which it is too long.
        line: u64,
        /// Days between its first arrival and its last.
        found_days: f64,
    },
    /// The file is not what it was when it was opened.
    #[error("{}: {found}, expected the file as it was when it was checked; leave it alone during a run, and run again", file.display())]
    Changed {
        /// The trace.
        file: PathBuf,
        /// What is different.
        found: String,
    },
}

impl TraceError {
    /// What the operating system's `source` means for a file.
    pub(super) fn io(file: PathBuf, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { file },
            io::ErrorKind::PermissionDenied => Self::Denied { file },
            _ => Self::Io { file, source },
        }
    }
}

/// What is wrong with one row, before it is known where the row is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    /// See [`TraceError::Column`].
    #[error("the column `{found}`")]
    Column { found: String, expected: Cow<'static, str> },
    /// See [`TraceError::FieldCount`].
    #[error("{found} of {expected} fields")]
    FieldCount { found: usize, expected: usize },
    /// See [`TraceError::Field`].
    #[error("`{found}` in `{column}`")]
    Field { column: &'static str, found: String, expected: Cow<'static, str> },
    /// See [`TraceError::Json`].
    #[error("`{found}`")]
    Json { column: usize, found: String, problem: String },
}

impl Fault {
    /// A field that is not `expected`.
    pub(super) fn field(column: &'static str, found: &[u8], expected: impl Into<Cow<'static, str>>) -> Self {
        Self::Field { column, found: excerpt(found), expected: expected.into() }
    }

    /// A line that is not the JSON that it should be.
    pub(super) fn json(line: &[u8], error: &serde_json::Error) -> Self {
        let whole = error.to_string();
        // serde_json counts the lines of what it was given, which is always this one.
        let problem = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(problem, _)| problem);
        Self::Json { column: error.column(), found: excerpt(line), problem: cut(problem, 120) }
    }

    /// The error, at its place.
    pub(super) fn at(self, file: PathBuf, line: u64) -> TraceError {
        match self {
            Self::Column { found, expected } => TraceError::Column { file, line, found, expected },
            Self::FieldCount { found, expected } => TraceError::FieldCount { file, line, found, expected },
            Self::Field { column, found, expected } => {
                TraceError::Field { file, line, column, found, expected }
            }
            Self::Json { column, found, problem } => TraceError::Json { file, line, column, found, problem },
        }
    }
}

/// The first 40 characters, escaped so that they fit into a line and cannot steer a terminal.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    // Enough bytes for 40 characters of any length; the rest of a long line need not be decoded.
    let head = bytes.get(..160).unwrap_or(bytes);
    cut(&String::from_utf8_lossy(head), 40)
}

fn cut(text: &str, most: usize) -> String {
    let mut cut = String::new();
    for character in text.trim_end().chars().take(most) {
        match character {
            // Quotes are no danger in a sentence, and JSON is full of them.
            '"' | '\'' | '\\' => cut.push(character),
            _ => cut.extend(character.escape_debug()),
        }
    }
    if text.trim_end().chars().nth(most).is_some() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_cut_and_cannot_steer_a_terminal() {
        assert_eq!(excerpt(b"\x1b[2Jred\t\"x\r\n"), "\\u{1b}[2Jred\\t\"x");
        assert_eq!(excerpt(&[b'9'; 50]), format!("{}…", "9".repeat(40)));
        assert_eq!(excerpt("é".repeat(90).as_bytes()), format!("{}…", "é".repeat(40)));
    }

    #[test]
    fn an_error_says_where_what_and_what_to_do() {
        let error = Fault::field("arrival_s", b"-1", "seconds").at("a.csv".into(), 7);
        let said = "a.csv:7: found `-1` in `arrival_s`, expected seconds; correct or remove the row";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn a_json_fault_names_the_byte_and_not_a_line_of_its_own() {
        let line = br#"{"arrival_s": x}"#;
        let error = serde_json::from_slice::<serde_json::Value>(line).unwrap_err();
        let Fault::Json { column, problem, .. } = Fault::json(line, &error) else { panic!("{error}") };
        assert_eq!((column, problem.as_str()), (15, "expected value"));
    }
}
