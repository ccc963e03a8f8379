//! Our own format: CSV with a header in any order, or JSONL; `arrival_s` and any of the optional columns.
//!
//! `arrival_s` counts from the trace's start and is taken as it is. A column that the format does not have is an
//! error: it is more often a misspelt name than one to be ignored.

use csv::ByteRecord;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::TraceCall;
use super::error::{Fault, excerpt};
use super::number::Number;
use super::rows::check_width;

const ARRIVAL: &str = "arrival_s";
const INPUT_TOKENS: &str = "input_tokens";
const OUTPUT_TOKENS: &str = "output_tokens";
const LATENCY: &str = "latency_s";
const PRIORITY: &str = "priority";

/// Columns that records of calls have and that a replay does not need.
const IGNORED: [&str; 6] = ["model", "outcome", "code", "granted_s", "provider_s", "finished_s"];

/// The columns that `write` writes, in its order.
pub(super) const WRITTEN: [&str; 5] = [ARRIVAL, INPUT_TOKENS, OUTPUT_TOKENS, LATENCY, PRIORITY];

/// Where the header has its columns.
#[derive(Default)]
pub(super) struct Columns {
    width: usize,
    arrival: Option<usize>,
    input_tokens: Option<usize>,
    output_tokens: Option<usize>,
    latency: Option<usize>,
    priority: Option<usize>,
}

impl Columns {
    pub(super) fn new(header: &ByteRecord) -> Result<Self, Fault> {
        let mut columns = Self { width: header.len(), ..Self::default() };
        for (index, name) in header.iter().enumerate() {
            let name = name.trim_ascii();
            let place = match std::str::from_utf8(name).unwrap_or_default() {
                ARRIVAL => &mut columns.arrival,
                INPUT_TOKENS => &mut columns.input_tokens,
                OUTPUT_TOKENS => &mut columns.output_tokens,
                LATENCY => &mut columns.latency,
                PRIORITY => &mut columns.priority,
                ignored if IGNORED.contains(&ignored) => continue,
                _ => return Err(unknown(name)),
            };
            if place.replace(index).is_some() {
                let expected = "each column once".into();
                return Err(Fault::Column { found: excerpt(name), expected });
            }
        }
        Ok(columns)
    }

    pub(super) fn read(&self, row: &ByteRecord) -> Result<TraceCall, Fault> {
        check_width(row, self.width)?;
        let field = |column: Option<usize>| column.map_or(&b""[..], |column| row[column].trim_ascii());
        let optional = |column| Some(field(column)).filter(|field| !field.is_empty()).map(Number::Text);
        Ok(TraceCall {
            arrival: Number::Text(field(self.arrival)).seconds(ARRIVAL)?,
            input_tokens: optional(self.input_tokens).map(|n| n.tokens(INPUT_TOKENS)).transpose()?,
            output_tokens: optional(self.output_tokens).map(|n| n.tokens(OUTPUT_TOKENS)).transpose()?,
            latency: optional(self.latency).map(|n| n.span(LATENCY)).transpose()?,
            priority: optional(self.priority).map(|n| n.priority(PRIORITY)).transpose()?,
        })
    }
}

/// The call of one line of JSONL.
pub(super) fn read_json(line: &[u8]) -> Result<TraceCall, Fault> {
    let row: Row = serde_json::from_slice(line).map_err(|error| Fault::json(line, &error))?;
    Ok(TraceCall {
        arrival: Number::Value(row.arrival_s).seconds(ARRIVAL)?,
        input_tokens: row.input_tokens.map(|n| Number::Value(n).tokens(INPUT_TOKENS)).transpose()?,
        output_tokens: row.output_tokens.map(|n| Number::Value(n).tokens(OUTPUT_TOKENS)).transpose()?,
        latency: row.latency_s.map(|n| Number::Value(n).span(LATENCY)).transpose()?,
        priority: row.priority.map(|n| Number::Value(n).priority(PRIORITY)).transpose()?,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    arrival_s: f64,
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
    latency_s: Option<f64>,
    priority: Option<f64>,
    #[serde(rename = "model")]
    _model: Option<IgnoredAny>,
    #[serde(rename = "outcome")]
    _outcome: Option<IgnoredAny>,
    #[serde(rename = "code")]
    _code: Option<IgnoredAny>,
    #[serde(rename = "granted_s")]
    _granted: Option<IgnoredAny>,
    #[serde(rename = "provider_s")]
    _reached: Option<IgnoredAny>,
    #[serde(rename = "finished_s")]
    _finished: Option<IgnoredAny>,
}

fn unknown(name: &[u8]) -> Fault {
    let expected = format!("only {}, {}", WRITTEN.join(", "), IGNORED.join(", "));
    Fault::Column { found: excerpt(name), expected: expected.into() }
}

#[cfg(test)]
mod tests {
    use limiter_core::{Micros, Time};

    use super::*;
    use crate::trace::TraceError;
    use crate::trace::testing::{open, read};

    fn full() -> TraceCall {
        TraceCall {
            arrival: Time::from_micros(1_500_000),
            input_tokens: Some(800),
            output_tokens: Some(300),
            latency: Some(Micros::from_millis(2_250)),
            priority: Some(1),
        }
    }

    #[test]
    fn columns_come_in_any_order() {
        let calls = read(
            "code,output_tokens,\"priority\",arrival_s,model,latency_s,input_tokens,outcome\n\
             ,300,1,1.5,\"glm-4.6, air\",2.25,800,success\n1302,,,2,,,,refused\n",
        );
        assert_eq!(calls, [full(), TraceCall::at(Time::from_micros(2_000_000))]);
    }

    #[test]
    fn objects_hold_the_same() {
        let calls = read(
            "{\"arrival_s\": 1.5, \"input_tokens\": 800, \"output_tokens\": 300, \"latency_s\": 2.25, \"priority\": 1, \
             \"model\": \"glm\", \"outcome\": \"success\", \"code\": null}\n{\"arrival_s\": 2, \"input_tokens\": null}\n",
        );
        assert_eq!(calls, [full(), TraceCall::at(Time::from_micros(2_000_000))]);
    }

    #[test]
    fn arrivals_are_not_counted_from_the_first() {
        assert_eq!(read("arrival_s\n60\n")[0].arrival, Time::from_micros(60_000_000));
    }

    #[test]
    fn misspelt_and_repeated_columns_are_errors() {
        let misspelt = open("arrival_s,input_token\n1,2\n").1.unwrap_err();
        assert!(misspelt.to_string().contains(":1: found the column `input_token`"), "{misspelt}");
        let repeated = open("arrival_s,arrival_s\n1,2\n").1.unwrap_err();
        assert!(repeated.to_string().contains("each column once"), "{repeated}");
        let key = open("{\"arrival_s\": 1, \"tokens\": 2}\n").1.unwrap_err();
        assert!(key.to_string().contains("unknown field `tokens`"), "{key}");
    }

    #[test]
    fn a_bad_row_is_named() {
        for (row, column) in [
            ("-1,1,0", ARRIVAL),
            (",1,0", ARRIVAL),
            ("nan,1,0", ARRIVAL),
            ("1,1.5,0", INPUT_TOKENS),
            ("1,1,256", PRIORITY),
        ] {
            let error = open(&format!("arrival_s,input_tokens,priority\n0,1,1\n{row}\n")).1.unwrap_err();
            assert!(
                matches!(&error, TraceError::Field { line: 3, column: found, .. } if *found == column),
                "{error}"
            );
        }
        let width = open("arrival_s,model\n1,glm\n2\n").1.unwrap_err();
        assert!(matches!(width, TraceError::FieldCount { line: 3, found: 1, expected: 2, .. }), "{width}");
    }
}
