//! BurstGPT: `Timestamp,[Session ID,Elapsed time,]Model,Request tokens,Response tokens,Total tokens,Log Type`.
//!
//! Source: HPMLL/BurstGPT, releases v1.1 (six columns) and v2.0 (eight). Timestamps are seconds from midnight of the
//! first day of the whole collection, so that the second and third file begin months in: arrivals count from a
//! file's first call.

use csv::ByteRecord;

use super::TraceCall;
use super::error::Fault;
use super::number::Number;
use super::rows::{check_width, find};

const TIMESTAMP: &str = "Timestamp";
const REQUEST_TOKENS: &str = "Request tokens";
const RESPONSE_TOKENS: &str = "Response tokens";
const ELAPSED_TIME: &str = "Elapsed time";

/// Where the header has its columns.
pub(super) struct Columns {
    width: usize,
    timestamp: usize,
    request_tokens: usize,
    response_tokens: usize,
    elapsed_time: Option<usize>,
}

impl Columns {
    pub(super) fn new(header: &ByteRecord) -> Result<Self, Fault> {
        Ok(Self {
            width: header.len(),
            timestamp: find(header, TIMESTAMP)?,
            request_tokens: find(header, REQUEST_TOKENS)?,
            response_tokens: find(header, RESPONSE_TOKENS)?,
            elapsed_time: find(header, ELAPSED_TIME).ok(),
        })
    }

    pub(super) fn read(&self, row: &ByteRecord) -> Result<TraceCall, Fault> {
        check_width(row, self.width)?;
        let request_tokens = Number::Text(&row[self.request_tokens]).tokens(REQUEST_TOKENS)?;
        let response_tokens = Number::Text(&row[self.response_tokens]).tokens(RESPONSE_TOKENS)?;
        let elapsed = self.elapsed_time.map(|column| row[column].trim_ascii());
        let elapsed = elapsed.filter(|field| !field.is_empty());
        let latency = elapsed.map(|field| Number::Text(field).span(ELAPSED_TIME)).transpose()?;
        // A call that failed then has no answer to take the length of; it arrives all the same.
        let failed = response_tokens == 0;
        Ok(TraceCall {
            input_tokens: Some(request_tokens),
            output_tokens: (!failed).then_some(response_tokens),
            latency: latency.filter(|_| !failed),
            ..TraceCall::at(Number::Text(&row[self.timestamp]).seconds(TIMESTAMP)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use limiter_core::{Micros, Time};

    use super::*;
    use crate::trace::testing::{open, read};

    #[test]
    fn the_first_release_has_six_columns() {
        let calls = read(
            "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
             5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,0,1087,Conversation log\n",
        );
        assert_eq!((calls[0].arrival, calls[0].output_tokens), (Time::ZERO, Some(18)));
        let failed = TraceCall { input_tokens: Some(1_087), ..TraceCall::at(Time::from_micros(40_000_000)) };
        assert_eq!(calls[1], failed);
    }

    #[test]
    fn the_second_release_has_latencies() {
        let calls = read(
            "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
             19440110.0,1722ac82,43,GPT-4,906,446,1352,Conversation log\n\
             19440161.0,d5983bf9,,\"ChatGPT, new\",36,29,65,Conversation log\n",
        );
        assert_eq!(calls[0].latency, Some(Micros::from_secs(43)));
        assert_eq!((calls[1].arrival, calls[1].latency), (Time::from_micros(51_000_000), None));
    }

    #[test]
    fn a_bad_row_is_named() {
        let header = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type";
        let error =
            open(&format!("{header}\n5,GPT-4,1,1,2,API log\n-5,GPT-4,1,1,2,API log\n")).1.unwrap_err();
        assert!(error.to_string().contains(":3: found `-5` in `Timestamp`"), "{error}");
    }
}
