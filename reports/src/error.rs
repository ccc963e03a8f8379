//! What can go wrong, in words that say what to do.

use thiserror::Error;

/// Results could not be turned into a file.
#[derive(Debug, Error)]
pub enum ReportError {
    /// `summary.json` could not be written.
    #[error("cannot write summary.json")]
    Summary(#[source] serde_json::Error),
    /// One of the CSV files could not be written.
    #[error("cannot write {file}")]
    Csv {
        /// The file.
        file: &'static str,
        /// What the CSV writer says.
        #[source]
        source: csv::Error,
    },
    /// `sweep.json` could not be written.
    #[error("cannot write sweep.json")]
    Sweep(#[source] serde_json::Error),
    /// A page's template failed.
    #[error("cannot write the page")]
    Page(#[source] askama::Error),
    /// The font that is built in could not be read.
    #[error("the font built into this program is damaged; build or install ratepilot again")]
    Font(#[source] ab_glyph::InvalidFont),
    /// A chart could not be drawn.
    #[error("cannot draw a chart: {0}; please report this with the summary.json it was drawn from")]
    Draw(String),
    /// A chart could not be compressed.
    #[error("cannot write a chart as PNG")]
    Png(#[source] png::EncodingError),
}

/// The files of an earlier run could not be read back.
#[derive(Debug, Error)]
pub enum ReadError {
    /// `summary.json` is not what `simulate` writes.
    #[error(
        "{file}, line {line}, column {column}: {source}; expected the summary that `simulate` writes. \
         Restore the file, or run `simulate` again"
    )]
    Summary {
        /// The file.
        file: &'static str,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the JSON reader says.
        #[source]
        source: serde_json::Error,
    },
    /// A CSV file has other columns than `simulate` writes.
    #[error(
        "{file}, line 1: expected the columns `{expected}`, found `{found}`. \
         Restore the file, or run `simulate` again"
    )]
    Header {
        /// The file.
        file: &'static str,
        /// The columns that belong there.
        expected: String,
        /// The columns that are there.
        found: String,
    },
    /// A row cannot be taken apart: its quotes, its number of fields, or its encoding are wrong.
    #[error(
        "{file}, line {line}: {source}; expected a row of CSV in UTF-8. Restore the file, or run `simulate` again"
    )]
    Row {
        /// The file.
        file: &'static str,
        /// The line, from 1.
        line: u64,
        /// What the CSV reader says.
        #[source]
        source: csv::Error,
    },
    /// A field holds something else than its column promises.
    #[error(
        "{file}, line {line}, column `{column}`: expected {expected}, found `{found}`. \
         Restore the file, or run `simulate` again"
    )]
    Field {
        /// The file.
        file: &'static str,
        /// The line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What belongs there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A row belongs to something that `summary.json` does not know.
    #[error(
        "{file}, line {line}: expected a scenario and controller of summary.json, found `{scenario}` under \
         `{controller}`. The files are of different runs: take all of them from one folder"
    )]
    Stranger {
        /// The file.
        file: &'static str,
        /// The line, from 1.
        line: u64,
        /// The row's scenario.
        scenario: String,
        /// The row's controller.
        controller: String,
    },
    /// Rows of one series are not together.
    #[error(
        "{file}, line {line}: expected the rows of {series} in one block, found another block of them. \
         Do not sort or join these files; run `simulate` again"
    )]
    Scattered {
        /// The file.
        file: &'static str,
        /// The line, from 1.
        line: u64,
        /// The series.
        series: String,
    },
}
