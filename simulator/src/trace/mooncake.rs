//! Mooncake: `{"timestamp": ms, "input_length": …, "output_length": …, "hash_ids": […]}` a line.
//!
//! Source: kvcache-ai/Mooncake, `FAST25-release/traces`. What else an object holds is ignored.

use serde::Deserialize;

use super::TraceCall;
use super::error::Fault;
use super::number::Number;

/// The call of one line.
pub(super) fn read_json(line: &[u8]) -> Result<TraceCall, Fault> {
    let row: Row = serde_json::from_slice(line).map_err(|error| Fault::json(line, &error))?;
    Ok(TraceCall {
        input_tokens: Some(Number::Value(row.input_length).tokens("input_length")?),
        output_tokens: Some(Number::Value(row.output_length).tokens("output_length")?),
        ..TraceCall::at(Number::Value(row.timestamp).milliseconds("timestamp")?)
    })
}

#[derive(Deserialize)]
struct Row {
    timestamp: f64,
    input_length: f64,
    output_length: f64,
}

#[cfg(test)]
mod tests {
    use limiter_core::Time;

    use super::*;
    use crate::trace::TraceError;
    use crate::trace::testing::{open, read};

    #[test]
    fn timestamps_are_milliseconds_from_the_first() {
        let calls = read(
            "{\"timestamp\": 27000, \"input_length\": 6955, \"output_length\": 52, \"hash_ids\": [46, 47]}\n\
             {\"timestamp\": 30482.5, \"input_length\": 1, \"output_length\": 2, \"hash_ids\": []}\n",
        );
        let second = TraceCall {
            input_tokens: Some(1),
            output_tokens: Some(2),
            ..TraceCall::at(Time::from_micros(3_482_500))
        };
        assert_eq!(calls[0].arrival, Time::ZERO);
        assert_eq!(calls[1], second);
    }

    #[test]
    fn a_bad_line_is_named() {
        let good = r#"{"timestamp": 0, "input_length": 1, "output_length": 2}"#;
        let missing = open(&format!("{good}\n\n{{\"timestamp\": 1, \"input_length\": 1}}\n")).1.unwrap_err();
        assert!(matches!(missing, TraceError::Json { line: 3, .. }), "{missing}");
        assert!(missing.to_string().contains("missing field `output_length`"), "{missing}");
        let negative = open(&format!("{good}\n{}\n", good.replace(": 1", ": -1"))).1.unwrap_err();
        assert!(matches!(negative, TraceError::Field { line: 2, column: "input_length", .. }), "{negative}");
    }
}
