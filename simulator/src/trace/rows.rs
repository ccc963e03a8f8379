//! Rows of a trace, CSV or JSONL, each at its place in the file.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::error::{Fault, TraceError};
use super::format::{Format, Layout};
use super::lines::Lines;
use super::servegen::Windows;
use super::{TraceCall, azure, burstgpt, mooncake, ratepilot};

/// A CSV file's rows, read into one record again and again.
pub(super) struct Table {
    path: PathBuf,
    reader: csv::Reader<Lines>,
    record: ByteRecord,
}

impl Table {
    /// The rows of `lines`, the header among them.
    pub(super) fn new(path: &Path, lines: Lines) -> Self {
        // Every row's width is checked here, where its line is known.
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(lines);
        Self { path: path.to_path_buf(), reader, record: ByteRecord::new() }
    }

    /// What `read` makes of the next row; `None` at the end.
    pub(super) fn next<T>(
        &mut self,
        read: impl FnOnce(&ByteRecord) -> Result<T, Fault>,
    ) -> Result<Option<T>, TraceError> {
        self.reader.get_mut().begin_row();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(error) => return Err(row_error(&self.path, self.lines(), csv_io(error))),
        }
        read(&self.record).map(Some).map_err(|fault| fault_error(&self.path, self.lines(), fault))
    }

    /// The file behind the rows.
    pub(super) fn lines(&self) -> &Lines {
        self.reader.get_ref()
    }
}

/// The rows of a format whose rows are calls; arrivals are on the file's own clock.
pub(super) enum Calls {
    Csv { table: Table, columns: Columns },
    Json { path: PathBuf, lines: Lines, line: Vec<u8>, read: fn(&[u8]) -> Result<TraceCall, Fault> },
}

/// Where a CSV format keeps what.
pub(super) enum Columns {
    Ratepilot(ratepilot::Columns),
    Azure(azure::Columns),
    BurstGpt(burstgpt::Columns),
}

/// What a trace's rows are.
pub(super) enum Rows {
    Calls(Calls),
    Windows(Windows),
}

impl Rows {
    /// The rows of `lines`, from their first; `layout` is how they are written.
    pub(super) fn new(path: &Path, lines: Lines, layout: Layout) -> Result<Self, TraceError> {
        let json = |lines, read| {
            Self::Calls(Calls::Json { path: path.to_path_buf(), lines, line: Vec::new(), read })
        };
        let csv = |lines, header: fn(&ByteRecord) -> Result<Columns, Fault>| {
            let mut table = Table::new(path, lines);
            match table.next(header)? {
                Some(columns) => Ok(Self::Calls(Calls::Csv { table, columns })),
                None => Err(TraceError::Empty { file: path.to_path_buf() }),
            }
        };
        match layout.format {
            Format::Ratepilot if layout.is_json => Ok(json(lines, ratepilot::read_json)),
            Format::Ratepilot => csv(lines, |header| ratepilot::Columns::new(header).map(Columns::Ratepilot)),
            Format::Azure => csv(lines, |header| azure::Columns::new(header).map(Columns::Azure)),
            Format::Mooncake => Ok(json(lines, mooncake::read_json)),
            Format::BurstGpt => csv(lines, |header| burstgpt::Columns::new(header).map(Columns::BurstGpt)),
            Format::ServeGen => Ok(Self::Windows(Windows::new(path, lines))),
        }
    }
}

impl Calls {
    /// The next call; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<TraceCall>, TraceError> {
        match self {
            Self::Csv { table, columns: Columns::Ratepilot(columns) } => table.next(|row| columns.read(row)),
            Self::Csv { table, columns: Columns::Azure(columns) } => table.next(|row| columns.read(row)),
            Self::Csv { table, columns: Columns::BurstGpt(columns) } => table.next(|row| columns.read(row)),
            Self::Json { path, lines, line, read } => match lines.next_line(line) {
                Ok(false) => Ok(None),
                Ok(true) => read(line).map(Some).map_err(|fault| fault_error(path, lines, fault)),
                Err(error) => Err(row_error(path, lines, error)),
            },
        }
    }

    /// The file behind the calls.
    pub(super) fn lines(&self) -> &Lines {
        match self {
            Self::Csv { table, .. } => table.lines(),
            Self::Json { lines, .. } => lines,
        }
    }
}

/// The column that a header has under `name`.
pub(super) fn find(header: &ByteRecord, name: &'static str) -> Result<usize, Fault> {
    let missing = || Fault::Column { found: "none".to_owned(), expected: name.into() };
    header.iter().position(|column| column.trim_ascii() == name.as_bytes()).ok_or_else(missing)
}

/// The row's width, as the header or the format has it.
pub(super) fn check_width(row: &ByteRecord, expected: usize) -> Result<(), Fault> {
    if row.len() == expected { Ok(()) } else { Err(Fault::FieldCount { found: row.len(), expected }) }
}

/// A failure to read the row that `lines` has come to.
pub(super) fn row_error(path: &Path, lines: &Lines, error: io::Error) -> TraceError {
    let file = path.to_path_buf();
    match error.kind() {
        ErrorKind::FileTooLarge => TraceError::RowTooLong { file, line: lines.number() },
        ErrorKind::InvalidData => TraceError::OpenQuote { file, line: lines.number() },
        _ => TraceError::io(file, error),
    }
}

/// A fault in the row that `lines` has come to.
pub(super) fn fault_error(path: &Path, lines: &Lines, fault: Fault) -> TraceError {
    let (file, line) = (path.to_path_buf(), lines.number());
    // A last line without an end is whole in many files; one that is also wrong was cut.
    if lines.ended_without_line_end() && !matches!(fault, Fault::Column { .. }) {
        return TraceError::Cut { file, line, found: fault.to_string() };
    }
    fault.at(file, line)
}

fn csv_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        // Bytes of any width and encoding are asked for, so that nothing else can fail.
        other => io::Error::other(format!("{other:?}")),
    }
}
