//! Real traces, where they are: they are too large to be in the repository.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::{Path, PathBuf};

use adaptive::{Kind, Settings};
use limiter_core::Time;
use ratepilot_tests::run;
use simulator::Contender;
use simulator::scenario::{Scenario, builtin};
use simulator::trace::{Format, Trace};

#[test]
fn azures_code_trace() {
    replay("AzureLLMInferenceTrace_code.csv", Format::Azure);
}

#[test]
fn azures_conversation_trace() {
    replay("AzureLLMInferenceTrace_conv.csv", Format::Azure);
}

#[test]
fn a_client_of_servegen() {
    replay("servegen/m-large-100.csv", Format::ServeGen);
}

/// Told by content, and replayed whole: an hour of it, under no limiter and under one.
#[track_caller]
fn replay(name: &str, format: Format) {
    let Some(path) = find(name) else { return };
    let trace = Trace::open(&path, None).unwrap();
    assert_eq!(trace.format(), format);
    let mut scenario = Scenario::parse("constant", builtin::find("constant").unwrap()).unwrap();
    scenario.horizon = Time::from_secs_f64(3_600.0);
    let settings = Settings::default();
    let calls = trace.calls(0).unwrap().map(Result::unwrap);
    let sampled = format.is_sampled();
    let expected = calls.filter(|call| call.arrival < scenario.horizon).count() as u64;
    for contender in [Contender::None, Contender::Controller(Kind::Aimd)] {
        let (run, _) = run::attempts(&scenario, Some(&trace), &settings, contender, 1);
        let calls: u64 = run.hours.iter().map(|hour| hour.calls).sum();
        assert!(calls > 0, "{contender}");
        assert!(sampled || calls == expected, "{contender}: {calls} calls of {expected}");
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces").join(name);
    if !path.is_file() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}
