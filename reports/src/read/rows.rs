//! The rows of a CSV file, and what is wrong with one.

use std::str::FromStr;

use csv::StringRecord;

use crate::ReadError;

/// The rows of one CSV file, read into one record again and again.
pub(super) struct Rows<'a> {
    file: &'static str,
    columns: &'static [&'static str],
    csv: csv::Reader<&'a [u8]>,
    record: StringRecord,
}

impl<'a> Rows<'a> {
    pub(super) fn open(
        file: &'static str,
        columns: &'static [&'static str],
        bytes: &'a [u8],
    ) -> Result<Self, ReadError> {
        let mut csv = csv::Reader::from_reader(bytes);
        let found = csv.headers().map_err(|source| failed(file, 1, source))?;
        if found != columns {
            let found = found.iter().collect::<Vec<_>>().join(",");
            return Err(ReadError::Header { file, expected: columns.join(","), found });
        }
        Ok(Self { file, columns, csv, record: StringRecord::new() })
    }

    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>, ReadError> {
        let here = self.csv.position().line();
        if !self.csv.read_record(&mut self.record).map_err(|source| failed(self.file, here, source))? {
            return Ok(None);
        }
        let line = self.record.position().map_or(here, csv::Position::line);
        Ok(Some(Row { file: self.file, columns: self.columns, line, record: &self.record }))
    }
}

fn failed(file: &'static str, here: u64, source: csv::Error) -> ReadError {
    let line = source.position().map_or(here, csv::Position::line);
    ReadError::Row { file, line, source }
}

/// One row.
pub(super) struct Row<'r> {
    pub(super) file: &'static str,
    columns: &'static [&'static str],
    pub(super) line: u64,
    record: &'r StringRecord,
}

impl<'r> Row<'r> {
    /// The reader has made sure that every row is as long as the header.
    pub(super) fn field(&self, column: usize) -> &'r str {
        self.record.get(column).unwrap_or_default()
    }

    pub(super) fn number<T: FromStr>(&self, column: usize) -> Result<T, ReadError> {
        self.field(column).parse().map_err(|_| self.wrong(column, "a whole number".to_owned()))
    }

    pub(super) fn optional_number(&self, column: usize) -> Result<Option<u64>, ReadError> {
        match self.field(column) {
            "" => Ok(None),
            text => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.wrong(column, "a whole number, or nothing".to_owned())),
            },
        }
    }

    pub(super) fn float(
        &self,
        column: usize,
        expected: &str,
        holds: fn(f64) -> bool,
    ) -> Result<f64, ReadError> {
        match self.field(column).parse::<f64>() {
            Ok(float) if float.is_finite() && holds(float) => Ok(float),
            _ => Err(self.wrong(column, expected.to_owned())),
        }
    }

    pub(super) fn wrong(&self, column: usize, expected: String) -> ReadError {
        let name = self.columns.get(column).copied().unwrap_or_default();
        ReadError::Field {
            file: self.file,
            line: self.line,
            column: name,
            expected,
            found: self.field(column).to_owned(),
        }
    }

    pub(super) fn scattered(&self, series: String) -> ReadError {
        ReadError::Scattered { file: self.file, line: self.line, series }
    }
}
