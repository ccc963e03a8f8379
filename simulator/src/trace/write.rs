//! Writes our own format.

use std::io::{self, Write};

use super::TraceCall;
use super::ratepilot::WRITTEN;

/// Writes `calls` as CSV in our own format and says how many they were. What is read back is what was written,
/// to the microsecond, as long as `calls` come in the order of their arrival.
///
/// # Errors
/// What `out` refuses.
pub fn write_csv(calls: impl Iterator<Item = TraceCall>, out: &mut impl Write) -> io::Result<u64> {
    writeln!(out, "{}", WRITTEN.join(","))?;
    let mut written = 0;
    for call in calls {
        write_call(&call, out)?;
        written += 1;
    }
    Ok(written)
}

fn write_call(call: &TraceCall, out: &mut impl Write) -> io::Result<()> {
    write_seconds(call.arrival.as_micros(), out)?;
    for tokens in [call.input_tokens, call.output_tokens] {
        out.write_all(b",")?;
        if let Some(tokens) = tokens {
            write!(out, "{tokens}")?;
        }
    }
    out.write_all(b",")?;
    if let Some(latency) = call.latency {
        write_seconds(latency.get(), out)?;
    }
    out.write_all(b",")?;
    if let Some(priority) = call.priority {
        write!(out, "{priority}")?;
    }
    out.write_all(b"\n")
}

/// Six decimals, by way of integers: no float can round them.
fn write_seconds(micros: u64, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use limiter_core::{Micros, Time};
    use proptest::prelude::*;

    use super::*;
    use crate::trace::testing::{file, read};
    use crate::trace::{Format, Trace};

    fn written(calls: &[TraceCall]) -> String {
        let mut out = Vec::new();
        assert_eq!(write_csv(calls.iter().copied(), &mut out).unwrap(), calls.len() as u64);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_not_known_is_left_empty() {
        let known = TraceCall {
            input_tokens: Some(800),
            output_tokens: Some(0),
            latency: Some(Micros::new(2_000_001)),
            priority: Some(3),
            ..TraceCall::at(Time::from_micros(86_400_000_001))
        };
        let text = written(&[TraceCall::at(Time::from_micros(7)), known]);
        assert_eq!(
            text,
            "arrival_s,input_tokens,output_tokens,latency_s,priority\n\
             0.000007,,,,\n86400.000001,800,0,2.000001,3\n"
        );
        assert_eq!(read(&text), [TraceCall::at(Time::from_micros(7)), known]);
    }

    fn call() -> impl Strategy<Value = TraceCall> {
        let micros = 0..315_576_000_000_000_u64;
        let rest = (
            any::<Option<u32>>(),
            any::<Option<u32>>(),
            prop::option::of(micros.clone()),
            any::<Option<u8>>(),
        );
        (micros, rest).prop_map(|(arrival, (input_tokens, output_tokens, latency, priority))| TraceCall {
            arrival: Time::from_micros(arrival),
            input_tokens,
            output_tokens,
            latency: latency.map(Micros::new),
            priority,
        })
    }

    proptest! {
        #[test]
        fn what_is_read_back_is_what_was_written(mut calls in prop::collection::vec(call(), 1..40)) {
            calls.sort_by_key(|call| call.arrival);
            let saved = file(written(&calls).as_bytes());
            let trace = Trace::open(saved.path(), None).unwrap();
            prop_assert_eq!((trace.format(), trace.call_count()), (Format::Ratepilot, calls.len() as u64));
            prop_assert!(!trace.was_unsorted());
            let read: Vec<_> = trace.calls(0).unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(read, calls);
        }
    }
}
