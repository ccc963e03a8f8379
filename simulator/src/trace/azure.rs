//! Azure LLM inference traces: `TIMESTAMP,ContextTokens,GeneratedTokens`.
//!
//! Source: Azure/AzurePublicDataset, `AzureLLMInferenceDataset2023.md` and `…2024.md`. Timestamps of 2023 are
//! `2023-11-16 18:17:03.9799600`, those of 2024 are `2024-05-10 00:00:00.009930+00:00`.

use csv::ByteRecord;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::Offset;
use limiter_core::Time;

use super::TraceCall;
use super::error::Fault;
use super::number::Number;
use super::rows::{check_width, find};

const TIMESTAMP: &str = "TIMESTAMP";
const CONTEXT_TOKENS: &str = "ContextTokens";
const GENERATED_TOKENS: &str = "GeneratedTokens";

/// Where the header has its columns.
pub(super) struct Columns {
    width: usize,
    timestamp: usize,
    context_tokens: usize,
    generated_tokens: usize,
}

impl Columns {
    pub(super) fn new(header: &ByteRecord) -> Result<Self, Fault> {
        Ok(Self {
            width: header.len(),
            timestamp: find(header, TIMESTAMP)?,
            context_tokens: find(header, CONTEXT_TOKENS)?,
            generated_tokens: find(header, GENERATED_TOKENS)?,
        })
    }

    pub(super) fn read(&self, row: &ByteRecord) -> Result<TraceCall, Fault> {
        check_width(row, self.width)?;
        Ok(TraceCall {
            input_tokens: Some(Number::Text(&row[self.context_tokens]).tokens(CONTEXT_TOKENS)?),
            output_tokens: Some(Number::Text(&row[self.generated_tokens]).tokens(GENERATED_TOKENS)?),
            ..TraceCall::at(timestamp(&row[self.timestamp])?)
        })
    }
}

/// Microseconds since 1970; without a zone it is UTC.
fn timestamp(field: &[u8]) -> Result<Time, Fault> {
    parse(field.trim_ascii())
        .ok_or_else(|| Fault::field(TIMESTAMP, field, "a date and time such as 2023-11-16 18:17:03.97996"))
}

fn parse(field: &[u8]) -> Option<Time> {
    const PARSER: DateTimeParser = DateTimeParser::new();
    let time = field.get("2023-11-16".len()..)?;
    let has_zone = time.iter().any(|byte| matches!(byte, b'+' | b'-' | b'Z' | b'z'));
    let timestamp = if has_zone {
        PARSER.parse_timestamp(field).ok()?
    } else {
        Offset::UTC.to_timestamp(PARSER.parse_datetime(field).ok()?).ok()?
    };
    let seconds = u64::try_from(timestamp.as_second()).ok()?;
    let nanos = u64::try_from(timestamp.subsec_nanosecond()).ok()?;
    Some(Time::from_micros(seconds * 1_000_000 + (nanos + 500) / 1_000))
}

#[cfg(test)]
mod tests {
    use limiter_core::Micros;

    use super::*;
    use crate::trace::testing::{open, read};
    use crate::trace::{Format, TraceError};

    #[test]
    fn arrivals_count_from_the_first() {
        let calls = read(
            "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,4808,10\r\n\
             2023-11-16 18:17:04.0319600,3180,8",
        );
        let second = TraceCall {
            input_tokens: Some(3_180),
            output_tokens: Some(8),
            ..TraceCall::at(Time::from_micros(52_000))
        };
        assert_eq!(calls[0].arrival, Time::ZERO);
        assert_eq!(calls[1], second);
    }

    #[test]
    fn zones_are_understood_and_earlier_rows_are_sorted_to_the_front() {
        let (_saved, trace) = open(
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:01.009930+00:00,1,1\n\
             2024-05-10T02:00:00+02:00,2,2\n2024-05-10T00:00:02Z,3,3\n",
        );
        let trace = trace.unwrap();
        assert_eq!((trace.format(), trace.was_unsorted()), (Format::Azure, true));
        let calls: Vec<_> = trace.calls(0).unwrap().map(Result::unwrap).collect();
        let arrivals: Vec<_> = calls.iter().map(|call| call.arrival.as_micros()).collect();
        assert_eq!(arrivals, [0, 1_009_930, 2_000_000]);
        assert_eq!(calls[0].input_tokens, Some(2));
        assert_eq!(trace.span(), Micros::from_secs(2));
    }

    #[test]
    fn a_bad_row_is_named() {
        for (row, column) in [
            ("2023-13-16 18:17:03,1,1", "TIMESTAMP"),
            ("1969-12-31 23:59:59,1,1", "TIMESTAMP"),
            ("18:17:03,1,1", "TIMESTAMP"),
            ("2023-11-16 18:17:03,,1", "ContextTokens"),
            ("2023-11-16 18:17:03,1,-1", "GeneratedTokens"),
        ] {
            let text = format!("TIMESTAMP,ContextTokens,GeneratedTokens\n{row}\n");
            let error = open(&text).1.unwrap_err();
            assert!(
                matches!(&error, TraceError::Field { line: 2, column: found, .. } if *found == column),
                "{error}"
            );
        }
    }
}
