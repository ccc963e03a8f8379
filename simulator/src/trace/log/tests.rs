use limiter_core::{Micros, Time};

use super::*;
use crate::trace::testing::file;

fn open(text: &str) -> Result<Log, LogError> {
    open_with(text, &Choice::default())
}

fn open_with(text: &str, choice: &Choice) -> Result<Log, LogError> {
    Log::open(file(text.as_bytes()).path(), choice)
}

fn error(text: &str) -> String {
    open(text).unwrap_err().to_string()
}

#[test]
fn csv_and_jsonl_hold_the_same() {
    let csv = "code,arrival_s,granted_s,latency_s,outcome,model,input_tokens\n\
               ,1,1.5,2,success,glm,800\n1302,2,2,,refused,glm,\n";
    let json = "{\"arrival_s\": 1, \"granted_s\": 1.5, \"latency_s\": 2, \"outcome\": \"success\", \"model\": \"glm\", \
                \"input_tokens\": 800}\n\
                {\"arrival_s\": 2, \"granted_s\": 2, \"outcome\": \"refused\", \"code\": \"1302\", \"model\": \"glm\"}\n";
    let (csv, json) = (open(csv).unwrap(), open(json).unwrap());
    assert_eq!(csv.attempts, json.attempts);
    let [answered, refused] = csv.attempts[..] else { panic!("{csv:?}") };
    assert_eq!(answered.sent(), Time::from_micros(1_500_000));
    assert_eq!(answered.ended(), Some(Time::from_micros(3_500_000)));
    assert_eq!(answered.took(), Some(Micros::from_secs(2)));
    assert_eq!((refused.outcome, refused.took()), (LoggedOutcome::Refused(Some(1302)), None));
}

#[test]
fn codes_say_which_refusals_are_for_a_limit() {
    for (outcome, code, meant) in [
        ("refused", Some(1302), LoggedOutcome::Refused(Some(1302))),
        ("refused", Some(429), LoggedOutcome::Refused(Some(429))),
        ("refused", None, LoggedOutcome::Refused(None)),
        ("refused", Some(1305), LoggedOutcome::Overload),
        ("overload", None, LoggedOutcome::Overload),
        ("refused", Some(1113), LoggedOutcome::Failed),
        ("timeout", None, LoggedOutcome::Timeout),
    ] {
        assert_eq!(LoggedOutcome::new(outcome, code), Some(meant), "{outcome} {code:?}");
    }
    assert_eq!(LoggedOutcome::new("ok", None), None);
}

#[test]
fn a_log_without_outcomes_is_told_what_to_record() {
    for text in ["arrival_s,latency_s\n1,2\n", "{\"arrival_s\": 1}\n"] {
        let said = error(text);
        assert!(
            said.contains(":1: found no `outcome`") && said.contains("record for each attempt"),
            "{said}"
        );
    }
}

#[test]
fn a_bad_row_is_named_with_its_line_and_what_was_expected() {
    for (row, found, expected) in [
        ("x,1,success", "found `x` in `arrival_s`", "seconds"),
        ("1,1,ok", "found `ok` in `outcome`", "success, refused, overload, timeout or failed"),
        ("5,1,success", "found `1.0` in `granted_s`", "not before `arrival_s`"),
        ("1700000000000,1,success", "in `arrival_s`", "milliseconds since 1970: divide by 1,000"),
    ] {
        let said = error(&format!("arrival_s,granted_s,outcome\n0,0,success\n{row}\n"));
        assert!(said.contains(":3: ") && said.contains(found) && said.contains(expected), "{said}");
    }
    assert!(error("").contains("empty"));
    assert!(error("arrival_s,outcome\n").contains("without a call"));
    assert!(error("arrival_s,outcom\n1,success\n").contains("found the column `outcom`"));
}

#[test]
fn times_in_milliseconds_are_noticed() {
    let rows =
        |latency: u32| format!("arrival_s,latency_s,outcome\n0,{latency},success\n1000,{latency},success\n");
    assert!(error(&rows(5_500)).contains("are they milliseconds?"));
    assert!(open(&rows(5)).is_ok());
    let year = "arrival_s,outcome\n0,success\n40000000,success\n";
    assert!(error(year).contains("arrivals that span 463 days"));
}

#[test]
fn one_run_or_model_is_read_and_of_several_one_has_to_be_chosen() {
    let text = "arrival_s,outcome,model\n1,success,a\n2,success,b\n3,refused,a\n";
    let said = error(text);
    assert!(said.contains("choose with --model a; --model b"), "{said}");
    let choice = |model: &str| Choice { model: Some(model.to_owned()), ..Choice::default() };
    assert_eq!(open_with(text, &choice("a")).unwrap().attempts.len(), 2);
    let missing = open_with(text, &choice("c")).unwrap_err().to_string();
    assert!(
        missing.contains("no row of that run or model; the file holds --model a; --model b"),
        "{missing}"
    );
}

#[test]
fn seconds_since_1970_count_from_the_first() {
    let log = open("arrival_s,outcome\n1700000000,success\n1700000001,success\n").unwrap();
    assert_eq!(log.origin(), Time::from_micros(1_700_000_000_000_000));
    assert_eq!(open("arrival_s,outcome\n60,success\n").unwrap().origin(), Time::ZERO);
}
