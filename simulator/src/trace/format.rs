//! The formats that traces come in, and how to tell them apart by what they hold.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::de::IgnoredAny;

use super::error::{Fault, TraceError, excerpt};
use super::lines::Lines;
use super::rows::{fault_error, row_error};
use super::servegen;

/// How a trace is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Ours: CSV with a header, or JSONL; `arrival_s` in seconds from the trace's start, all else optional.
    Ratepilot,
    /// Azure LLM inference traces of 2023 and 2024 (Azure/AzurePublicDataset): CSV with a header.
    Azure,
    /// Mooncake (kvcache-ai/Mooncake): JSONL, arrivals in milliseconds.
    Mooncake,
    /// BurstGPT (HPMLL/BurstGPT): CSV with a header, arrivals in seconds.
    BurstGpt,
    /// One client of ServeGen (alibaba/ServeGen): CSV without a header, a window a row; its calls are sampled.
    ServeGen,
}

/// A name that is no format's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found the format `{found}`, expected one of ratepilot, azure, mooncake, burstgpt, servegen")]
pub struct ParseFormatError {
    /// The name.
    pub found: String,
}

/// What to do with a file of which the format cannot be told.
pub(super) const UNKNOWN_FORMAT_HINT: &str = "expected a header with `arrival_s` (ratepilot CSV), an object with \
    `arrival_s` a line (ratepilot JSONL), or an azure, mooncake, burstgpt or servegen trace; `--format` can force one";

impl Format {
    /// All formats, in the order in which they are tried.
    pub const ALL: [Self; 5] = [Self::Ratepilot, Self::Azure, Self::Mooncake, Self::BurstGpt, Self::ServeGen];

    /// The format's name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ratepilot => "ratepilot",
            Self::Azure => "azure",
            Self::Mooncake => "mooncake",
            Self::BurstGpt => "burstgpt",
            Self::ServeGen => "servegen",
        }
    }

    /// Whether the calls are sampled, so that another seed gives other calls, and their number is an expectation.
    pub const fn is_sampled(self) -> bool {
        matches!(self, Self::ServeGen)
    }

    /// What a file's first line has to be.
    pub(super) const fn first_line(self) -> &'static str {
        match self {
            Self::Ratepilot => "a header or an object with `arrival_s`",
            Self::Azure => "a header with TIMESTAMP, ContextTokens and GeneratedTokens",
            Self::Mooncake => "an object with `timestamp`, `input_length` and `output_length`",
            Self::BurstGpt => "a header with Timestamp, Request tokens and Response tokens",
            Self::ServeGen => "`t,rate,cv,Gamma|Weibull,shape,scale` without a header",
        }
    }

    /// The format that `first_line` begins.
    fn detect(first_line: &[u8]) -> Option<Self> {
        let first = FirstLine::new(first_line);
        Self::ALL.into_iter().find(|format| first.begins(*format))
    }

    /// Whether `first_line` begins this format.
    fn begins_with(self, first_line: &[u8]) -> bool {
        FirstLine::new(first_line).begins(self)
    }
}

/// A format, and how it is written where there are two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) format: Format,
    /// JSONL, not CSV.
    pub(super) is_json: bool,
}

/// The layout of the file that `lines` are, which is `format`'s where one is given; reads their first.
pub(super) fn layout(path: &Path, mut lines: Lines, format: Option<Format>) -> Result<Layout, TraceError> {
    let file = || path.to_path_buf();
    let mut first = Vec::new();
    if !lines.next_line(&mut first).map_err(|error| row_error(path, &lines, error))? {
        return Err(TraceError::Empty { file: file() });
    }
    let (line, found) = (lines.number(), excerpt(&first));
    if first.contains(&0) || std::str::from_utf8(&first).is_err() {
        return Err(TraceError::Binary { file: file(), line, found });
    }
    let is_json = is_json(&first);
    if is_json && let Err(error) = serde_json::from_slice::<IgnoredAny>(&first) {
        return Err(fault_error(path, &lines, Fault::json(&first, &error)));
    }
    let format = match format {
        Some(format) if format.begins_with(&first) => format,
        Some(format) => return Err(TraceError::WrongFormat { file: file(), line, found, format }),
        None => {
            Format::detect(&first).ok_or_else(|| TraceError::UnknownFormat { file: file(), line, found })?
        }
    };
    Ok(Layout { format, is_json })
}

/// Whether a file that begins with `line` is JSONL, and not CSV.
pub(super) fn is_json(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{")
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = ParseFormatError;

    fn from_str(name: &str) -> Result<Self, ParseFormatError> {
        let known = Self::ALL.into_iter().find(|format| format.name() == name);
        known.ok_or_else(|| ParseFormatError { found: name.to_owned() })
    }
}

/// What the first line of a file shows of its format.
struct FirstLine {
    is_json: bool,
    /// A CSV line's fields, or an object's keys.
    names: Vec<String>,
}

impl FirstLine {
    fn new(line: &[u8]) -> Self {
        let is_json = is_json(line);
        let names = if is_json { keys(line) } else { fields(line) };
        Self { is_json, names }
    }

    fn begins(&self, format: Format) -> bool {
        match format {
            Format::Ratepilot => self.has(&["arrival_s"]),
            Format::Azure => !self.is_json && self.has(&["TIMESTAMP", "ContextTokens", "GeneratedTokens"]),
            // Bailian traces look the same, but have a `chat_id`, and timestamps in seconds.
            Format::Mooncake => {
                self.is_json
                    && self.has(&["timestamp", "input_length", "output_length"])
                    && !self.has(&["chat_id"])
            }
            Format::BurstGpt => {
                !self.is_json && self.has(&["Timestamp", "Request tokens", "Response tokens"])
            }
            Format::ServeGen => !self.is_json && servegen::is_window(&self.names),
        }
    }

    fn has(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.names.iter().any(|found| found == name))
    }
}

fn keys(line: &[u8]) -> Vec<String> {
    let object: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(line).ok();
    object.into_iter().flatten().map(|(key, _)| key).collect()
}

fn fields(line: &[u8]) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line);
    let mut record = csv::ByteRecord::new();
    // Bytes in memory cannot fail to be read; what is no CSV has no fields.
    let _ = reader.read_byte_record(&mut record);
    record.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_contracts_and_round_trip() {
        let names = Format::ALL.map(|format| format.to_string());
        assert_eq!(names, ["ratepilot", "azure", "mooncake", "burstgpt", "servegen"]);
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert!("auto".parse::<Format>().unwrap_err().to_string().contains("one of ratepilot, azure"));
    }

    #[test]
    fn a_format_is_told_by_the_first_line() {
        let lines = [
            ("input_tokens, arrival_s", Some(Format::Ratepilot)),
            (r#""arrival_s""#, Some(Format::Ratepilot)),
            (r#" {"arrival_s": 1.5}"#, Some(Format::Ratepilot)),
            ("TIMESTAMP,ContextTokens,GeneratedTokens", Some(Format::Azure)),
            ("TIMESTAMP,NumImages,ContextTokens,GeneratedTokens", Some(Format::Azure)),
            (r#"{"timestamp":0,"input_length":1,"output_length":2,"hash_ids":[0]}"#, Some(Format::Mooncake)),
            (r#"{"chat_id":1,"timestamp":0,"input_length":1,"output_length":2}"#, None),
            ("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type", Some(Format::BurstGpt)),
            (
                "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type",
                Some(Format::BurstGpt),
            ),
            ("0,1.04,1.9,Gamma,0.27,3.4", Some(Format::ServeGen)),
            ("0,0,0,,0,0", Some(Format::ServeGen)),
            ("0,0,0,,0", None),
            ("0,1,1,Pareto,1,1", None),
            ("timestamp,tokens", None),
            ("[", None),
            ("{", None),
        ];
        for (line, format) in lines {
            assert_eq!(Format::detect(line.as_bytes()), format, "{line}");
        }
    }
}
