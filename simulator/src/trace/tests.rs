use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;

use super::testing::{file, open, read};
use super::*;

fn message(content: &[u8], format: Option<Format>) -> String {
    let saved = file(content);
    let error = Trace::open(saved.path(), format).unwrap_err().to_string();
    error.replace(&saved.path().display().to_string(), "FILE")
}

#[test]
fn line_ends_byte_order_marks_blank_lines_and_quotes_are_accepted() {
    let plain = read("arrival_s,input_tokens\n1,2\n3,4\n");
    assert_eq!(read("\u{feff}arrival_s,input_tokens\r\n1,2\r\n\r\n3,4\r\n\r\n"), plain);
    assert_eq!(read("\n\"arrival_s\",\"input_tokens\"\n\"1\",\"2\"\n 3 , 4 "), plain);
    assert_eq!(
        read("\u{feff}\r\n{\"arrival_s\":1,\"input_tokens\":2}\r\n\n{\"arrival_s\":3,\"input_tokens\":4}"),
        plain
    );
}

#[test]
fn unsorted_arrivals_are_sorted_and_ties_stay_in_the_files_order() {
    let (_saved, trace) = open("arrival_s,input_tokens\n5,1\n2,2\n5,3\n2,4\n");
    let trace = trace.unwrap();
    assert!(trace.was_unsorted());
    assert_eq!(trace.span(), Micros::from_secs(5));
    let tokens: Vec<_> = trace.calls(0).unwrap().map(|call| call.unwrap().input_tokens).collect();
    assert_eq!(tokens, [Some(2), Some(4), Some(1), Some(3)]);
}

#[test]
fn what_is_hashed_is_the_files_bytes() {
    let (_saved, trace) = open("arrival_s\n1\n2\n");
    // printf 'arrival_s\n1\n2\n' | sha256sum
    let known = "ac4a38f5991ae8ba7ea7c86ebfb54ecba41617c221b8bca497012e77b76c11fe";
    assert_eq!(trace.unwrap().sha256(), known);
}

#[test]
fn what_is_no_trace_says_where_and_why() {
    for (content, expected) in [
        (&b""[..], "FILE:1: the file is empty"),
        (b" \n\r\n", "FILE:1: the file is empty"),
        (b"arrival_s,model\n", "FILE:1: the file ends without a call"),
        (b"0,0,0,,0,0\n600,0,0,,0,0\n", "FILE:2: the file ends without a call"),
        (b"\x1f\x8b\x08\x00rest", "expected UTF-8 text"),
        (b"a\0r\0r\0", "FILE:1: found `a\\0r\\0r\\0`, expected UTF-8 text"),
        (b"when,what\n1,2\n", "FILE:1: found `when,what`, which begins no known format; expected a header"),
        (b"{\"arrival_s\": 1,}\n", "FILE:1:17: found"),
        (b"{\"arrival_s\": 1}\n{\"arrival_s\": \"x\"}\n", "FILE:2:17: found"),
        (b"arrival_s\n1\n4e8\n", "FILE:3: found a trace of 4629.6 days, expected at most ten years"),
        (b"arrival_s,model\n1,x\n2,x,y\n", "FILE:3: found 3 fields, expected 2"),
        (b"arrival_s,model\n1,x\n\n\n2", "FILE:5: the file ends in the middle of a row (1 of 2 fields)"),
        (b"arrival_s,model\n1,\"x\n2,x\n", "FILE:2: found a quote that is not closed"),
        (b"{\"arrival_s\": 1}\n{\"arriv", "FILE:2: the file ends in the middle of a row"),
    ] {
        let said = message(content, None);
        assert!(said.contains(expected), "{said}\nnot\n{expected}");
    }
}

#[test]
fn an_endless_line_is_an_error() {
    let endless = vec![b'1'; lines::MAX_ROW_BYTES + 10];
    assert!(message(&endless, None).contains("FILE:1: found more than 1048576 bytes in a row"));
    let later = [b"arrival_s\n1\n".to_vec(), endless.clone()].concat();
    assert!(message(&later, None).contains("FILE:3: found more than"));
}

#[test]
fn a_format_that_is_forced_must_fit() {
    let said = message(b"arrival_s\n1\n", Some(Format::Azure));
    assert!(said.starts_with("FILE:1: found `arrival_s`, expected a header with TIMESTAMP"), "{said}");
    for format in Format::ALL {
        message(b"nothing known\n1\n", Some(format));
    }
    let saved = file(b"arrival_s\n1\n");
    assert_eq!(Trace::open(saved.path(), Some(Format::Ratepilot)).unwrap().call_count(), 1);
}

#[test]
fn only_regular_files_that_exist_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let said = Trace::open(directory.path(), None).unwrap_err().to_string();
    assert!(said.contains("is a directory, expected a regular file"), "{said}");
    let missing = Trace::open(directory.path().join("none.csv"), None).unwrap_err();
    assert!(matches!(missing, TraceError::NotFound { .. }));
    if cfg!(unix) {
        let device = Trace::open("/dev/null", None).unwrap_err();
        assert!(matches!(device, TraceError::NotAFile { .. }), "{device}");
    }
}

#[test]
fn a_file_that_changes_is_an_error() {
    let (saved, trace) = open("arrival_s\n1\n2\n");
    let trace = trace.unwrap();
    let modified = saved.as_file().metadata().unwrap().modified().unwrap();
    for (content, expected) in [
        ("arrival_s\n1\n2\n3\n", "length or time"),
        ("arrival_s\n1\n3\n", "other arrivals"),
        ("arrival_s\n2\n1\n", "other arrivals"),
        ("arrival_s\n1\nx\n", "another row"),
        ("arrival_s\n1\n\n\n", "fewer calls"),
        ("nothing_s\n1\n2\n", "column"),
    ] {
        fs::write(saved.path(), content).unwrap();
        // As on a file system whose times are too coarse to tell.
        saved.as_file().set_modified(modified).unwrap();
        let failed = match trace.calls(0) {
            Ok(calls) => calls.last().unwrap().unwrap_err(),
            Err(error) => error,
        };
        assert!(failed.to_string().contains(expected), "{content}: {failed}");
    }
}

#[test]
fn calls_that_are_appended_while_a_trace_is_read_are_not_read() {
    let (saved, trace) = open("arrival_s\n1\n2\n");
    let mut calls = trace.unwrap().calls(0).unwrap();
    OpenOptions::new().append(true).open(saved.path()).unwrap().write_all(b"3\n4\n").unwrap();
    assert!(calls.all(|call| call.is_ok()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), which in 0..7_usize) {
        let format = Format::ALL.get(which).copied();
        let _ = replay(&bytes, format);
    }

    #[test]
    fn no_text_makes_it_panic(
        header in prop::sample::select(vec![
            "arrival_s,input_tokens,priority", "TIMESTAMP,ContextTokens,GeneratedTokens",
            "Timestamp,Model,Request tokens,Response tokens", "0,1,1,Gamma,1,1", "{\"arrival_s\":1}",
            "{\"timestamp\":1,\"input_length\":1,\"output_length\":1}",
        ]),
        rows in "([-0-9.,eE\"{}:\\[\\] \r\n+TZ]|Gamma|Weibull|\"arrival_s\"|\"timestamp\"|nan|inf|600,){0,60}",
    ) {
        let _ = replay(format!("{header}\n{rows}").as_bytes(), None);
    }
}

/// How many calls a file gives; those of a trace that opens come in order, within its span, and without a failure.
fn replay(bytes: &[u8], format: Option<Format>) -> Option<usize> {
    let saved = file(bytes);
    let trace = Trace::open(saved.path(), format).ok()?;
    let calls: Vec<_> = trace.calls(1).unwrap().map(Result::unwrap).collect();
    assert!(calls.is_sorted_by_key(|call| call.arrival));
    assert!(calls.iter().all(|call| call.arrival.since(Time::ZERO) <= trace.span()));
    Some(calls.len())
}

/// A published trace, where it is at hand.
fn published(name: &str) -> Option<Trace> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/traces")).join(name);
    if !path.exists() {
        eprintln!("skipped: {name} is not at hand");
        return None;
    }
    Some(Trace::open(path, None).unwrap())
}

#[test]
fn the_published_azure_traces_are_read_whole() {
    for (name, calls, hours) in [("conv", 19_366, 0.97), ("code", 8_819, 0.95)] {
        let Some(trace) = published(&format!("AzureLLMInferenceTrace_{name}.csv")) else { continue };
        assert_eq!((trace.format(), trace.call_count(), trace.was_unsorted()), (Format::Azure, calls, false));
        assert_eq!(trace.calls(0).unwrap().map(Result::unwrap).count() as u64, calls);
        assert!((trace.span().as_secs_f64() / 3_600.0 - hours).abs() < 0.01, "{}", trace.span());
    }
}

/// Known of this client: without a limiter, a sliding window refuses about 10 calls an hour at 231 a minute, about 5 at
/// 241, and less than 1 at 262.
#[test]
fn a_sliding_window_refuses_as_many_sampled_calls_as_is_known() {
    let Some(trace) = published("servegen/m-large-56.csv") else { return };
    assert_eq!((trace.format(), trace.call_count()), (Format::ServeGen, 1_614_211));
    assert_eq!(trace.span(), Micros::from_secs(14 * 86_400));
    let mut windows = [(231, 7.0..13.0), (241, 3.0..7.0), (262, 0.3..1.6)]
        .map(|(limit, expected)| (limit, VecDeque::new(), 0_u32, expected));
    let mut calls = 0;
    for call in trace.calls(1).unwrap() {
        let now = call.unwrap().arrival;
        calls += 1;
        for (limit, accepted, refused, _) in &mut windows {
            while accepted.front().is_some_and(|earliest| now.since(*earliest) >= Micros::from_secs(60)) {
                accepted.pop_front();
            }
            if accepted.len() < *limit { accepted.push_back(now) } else { *refused += 1 }
        }
    }
    assert!((1_612_000..1_616_000).contains(&calls), "{calls}");
    for (limit, _, refused, expected) in windows {
        let an_hour = f64::from(refused) / (14.0 * 24.0);
        eprintln!("{an_hour:.2} refused an hour at {limit} a minute");
        assert!(expected.contains(&an_hour), "{an_hour} an hour at {limit} a minute");
    }
}
