//! The binary as a user runs it.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::Stdio;

use ratepilot_tests::binary::{Said, Workplace};
use serde_json::Value;

/// What a terminal shows without breaking a line.
const COLUMNS: usize = 100;
/// A run that is over soon.
const SHORT: &str = "simulate --hours 1 --replications 2";

#[test]
fn a_run_prints_a_table_and_says_where_the_files_are() {
    let place = Workplace::new();
    let said = place.run("simulate --scenario knowledge-base --scenario hard-day --controllers all --hours 30 --replications 1").ok();
    for line in said.lines().take_while(|line| !line.starts_with("With")) {
        assert!(line.chars().count() <= COLUMNS, "{line}");
    }
    for controller in ["none ", "fixed ", "aimd ", "aws-cubic ", "predictive ", "oracle "] {
        let rows = said.lines().filter(|line| line.trim_start().starts_with(controller));
        assert_eq!(rows.count(), 2, "one row of {controller} a scenario\n{said}");
    }
    let page = place.text("ratepilot-out/report.html");
    assert!(said.contains("ratepilot-out/report.html"), "{said}");
    for outside in ["src=\"http", "href=\"http", "url(http", "<script src"] {
        assert!(!page.contains(outside), "the page needs the network: {outside}");
    }
}

#[test]
fn every_help_has_examples_that_name_its_command() {
    let place = Workplace::new();
    for command in ["simulate", "report", "generate", "calibrate", "run", "status", "reset", "doctor"] {
        let help = place.run(&format!("{command} --help")).ok();
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{help}"));
        assert!(examples.contains(&format!("  ratepilot {command}")), "{examples}");
        assert!(help.lines().all(|line| line.chars().count() <= COLUMNS), "{help}");
    }
}

#[test]
fn the_examples_of_simulate_run_as_they_are_printed() {
    let place = Workplace::new();
    place.put("my-service.toml", SCENARIO).put("calls.csv", "arrival_s\n1\n2.5\n");
    let help = place.run("simulate --help").ok();
    let examples: Vec<_> = help.lines().filter_map(|line| line.strip_prefix("  ratepilot ")).collect();
    assert!(examples.len() >= 4, "{help}");
    for example in examples {
        let (args, _) = example.split_once(" > ").unwrap_or((example, ""));
        // The headline's 30 days and the like are as right when they are short.
        let shorter = if args.contains("list") { "" } else { " --hours 0.5 --replications 1" };
        let args = args.replace(" --replications 1", "");
        place.run(&(args + shorter)).ok();
    }
}

#[test]
fn json_is_one_document_and_the_summary() {
    let place = Workplace::new();
    let said = place.run(&format!("{SHORT} --json"));
    assert_eq!(said.stderr, "");
    let document: Value = serde_json::from_str(&said.ok()).unwrap();
    let written: Value = serde_json::from_str(&place.text("ratepilot-out/summary.json")).unwrap();
    assert_eq!(document, written);
    for args in ["simulate --scenario list --json", "report ratepilot-out --json"] {
        serde_json::from_str::<Value>(&place.run(args).ok())
            .unwrap_or_else(|error| panic!("{args}: {error}"));
    }
    assert_eq!(place.run("simulate --json --hours nan").stdout, "");
}

#[test]
fn generate_speaks_json_too() {
    let said = Workplace::new().run("generate --hours 1 --json").ok();
    serde_json::from_str::<Value>(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
}

#[test]
fn the_version_is_that_of_the_binary() {
    let said = Workplace::new().run("--version").ok();
    assert!(said.starts_with("ratepilot "), "{said}");
}

#[test]
fn the_list_names_the_scenarios_that_there_are() {
    let place = Workplace::new();
    let list = place.run("simulate --scenario list").ok();
    let names: Vec<_> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let built_in: Vec<_> = simulator::scenario::builtin::all().map(|(name, _)| name).collect();
    assert_eq!(names, built_in);
    assert_eq!(names.first(), Some(&"knowledge-base"), "the headline scenario comes first");
    assert!(place.tree().is_empty(), "to list is not to run");
}

#[test]
fn what_is_generated_can_be_simulated() {
    let place = Workplace::new();
    place.run("generate --scenario knowledge-base --hours 2 --seed 5 --out demand.csv").ok();
    let calls = place.text("demand.csv").lines().count() - 1;
    let run = "simulate --trace demand.csv --scenario overload --controllers none --json";
    let summary: Value = serde_json::from_str(&place.run(run).ok()).unwrap();
    assert_eq!(summary["scenarios"][0]["controllers"][0]["calls"], calls);
    assert_eq!(summary["trace_sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn an_unsorted_trace_is_sorted_and_said_so() {
    let place = Workplace::new();
    place.put("sorted.csv", "arrival_s\n1\n3\n5\n").put("unsorted.csv", "arrival_s\n5\n1\n3\n");
    let replay = |name: &str| {
        let said = place.run(&format!("simulate --trace {name} --controllers aimd --calls"));
        (said.stderr.clone(), said.ok(), place.text("ratepilot-out/calls.csv"))
    };
    let ((quiet, _, sorted), (note, _, unsorted)) = (replay("sorted.csv"), replay("unsorted.csv"));
    assert_eq!(quiet, "");
    assert!(note.starts_with("note: unsorted.csv was not sorted"), "{note}");
    assert_eq!(sorted, unsorted);
}

#[test]
fn several_scenarios_end_in_one_table_and_one_chart() {
    let place = Workplace::new();
    let said = place
        .run("simulate --scenario constant --scenario step-down --controllers all --hours 1 --replications 2")
        .ok();
    let (_, league) =
        said.split_once("All 2 scenarios: refusals an hour").unwrap_or_else(|| panic!("{said}"));
    assert!(league.lines().all(|line| line.chars().count() <= COLUMNS), "{league}");
    for scenario in ["constant ", "step-down "] {
        let rows = league.lines().filter(|line| line.trim_start().starts_with(scenario));
        assert_eq!(rows.count(), 1, "{league}");
    }
    assert!(place.path("ratepilot-out/league.png").is_file());
    let one = place.run(SHORT).ok();
    assert!(!one.contains("All 1"), "{one}");
    assert!(!place.path("ratepilot-out/league.png").exists(), "an earlier run's chart is taken away");
}

#[test]
fn what_a_controller_did_is_written_with_its_reasons() {
    let place = Workplace::new();
    place.run("simulate --scenario step-down --controllers none,aimd,oracle --hours 2 --replications 2").ok();
    let text = place.text("ratepilot-out/adjustments.csv");
    assert!(text.contains("step-down,aimd,0,") && text.contains("refused for "), "{text}");
    assert!(text.lines().skip(1).all(|line| line.starts_with("step-down,aimd,0,")), "{text}");
    assert!(place.path("ratepilot-out/step-down-adjustments-aimd.png").is_file());
}

#[test]
fn what_is_likely_not_meant_is_noted() {
    let place = Workplace::new();
    let quick = "--hours 1 --replications 1";
    let cases = [
        (format!("simulate {quick} --controllers aimd,none,aimd"), "--controllers names 'aimd' twice"),
        (
            format!("simulate {quick} --scenario constant --scenario constant"),
            "--scenario names 'constant' twice",
        ),
    ];
    for (args, noted) in cases {
        let said = place.run(&args);
        assert!(said.stderr.starts_with("note: ") && said.stderr.contains(noted), "{}", said.stderr);
        said.ok();
    }
    place.put("config.toml", "[limiter]\nwindow_s = 1\n");
    let said = place.run(&format!("simulate {quick} --scenario constant"));
    assert!(said.stderr.contains("in windows of 60 s, and the limiter in windows of 1 s"), "{}", said.stderr);
}

#[test]
fn the_size_of_single_attempts_is_told() {
    let place = Workplace::new();
    let said = place.run(&format!("{SHORT} --calls")).ok();
    let bytes = place.text("ratepilot-out/calls.csv").len();
    let size = format!("(calls.csv is {:.1} kB)", bytes as f64 / 1e3);
    assert!(said.contains(&size), "{size}\n{said}");
}

/// Of every bad call: the exit code, and what the message must name for a user to find and mend it.
#[test]
fn a_wrong_call_is_refused_before_anything_is_written() {
    let cases = [
        ("simulate --scenario knowlege-base", "did you mean `knowledge-base`?"),
        ("simulate --scenario missing.toml", "missing.toml"),
        ("simulate --controllers none,amid", "did you mean 'aimd'?"),
        ("simulate --controllers none,,aimd", "''"),
        ("simulate --trace calls.csv --format csv", "burstgpt"),
        ("simulate --trace missing.csv", "missing.csv: there is no such file"),
        ("simulate --hours nan", "--hours"),
        ("simulate --hours inf", "--hours"),
        ("simulate --hours -1", "--hours"),
        ("simulate --hours 0", "--hours"),
        ("simulate --hours 1e300", "--hours"),
        ("simulate --seed -1", "--seed"),
        ("simulate --seed 18446744073709551616", "--seed"),
        ("simulate --replications 0", "--replications"),
        ("simulate --replications 4294967296", "--replications"),
        ("simulate --config missing.toml", "missing.toml"),
        ("generate --hours nan", "--hours"),
        ("generate --scenario constan", "did you mean `constant`?"),
        ("report", "DIR"),
        ("simulat", "simulat"),
    ];
    let place = Workplace::new();
    place.put("calls.csv", "arrival_s\n1\n");
    let before = place.tree();
    for (args, named) in cases {
        assert_refused(&place.run(args), 2, &[named], args);
        assert_eq!(place.tree(), before, "{args}");
    }
}

#[test]
fn a_bad_scenario_is_named_with_its_key_line_and_rule() {
    let cases = [
        ("hours = 24", "hours = 0", "`hours`", "line 2"),
        ("hours = 24", "hours = -1", "`hours`", "line 2"),
        ("hours = 24", "hours = nan", "`hours`", "line 2"),
        ("hours = 24", "hours = 1e300", "`hours`", "line 2"),
        ("hours = 24", "houers = 24", "did you mean `hours`?", "line 2"),
        ("calls_per_hour = 250", "calls_per_hour = -250", "`arrivals.calls_per_hour`", "line 5"),
        ("calls_per_hour = 250", "calls_per_hour = 1e300", "`arrivals.calls_per_hour`", "line 5"),
        ("calls_per_hour = 250", "process = \"sessions\"", "process", "line 5"),
        ("\"poisson\"", "\"poison\"", "poisson", "line 4"),
        ("calls_per_minute = 60", "calls_per_minute = 0", "`provider.calls_per_minute`", "line 8"),
        ("calls_per_minute = 60", "calls_per_minute = [[1, 60]]", "`provider.calls_per_minute", "line 8"),
        ("calls_per_minute = 60", "concurrency = 0", "`provider.concurrency`", "line 8"),
        ("calls_per_minute = 60", "concurrency = 99999999999999999999", "concurrency", "line 8"),
        ("calls_per_minute = 60", "tokens_per_minute = 0", "`provider.tokens_per_minute`", "line 8"),
        ("calls_per_minute = 60", "calls_per_minut = 60", "did you mean `calls_per_minute`?", "line 8"),
        ("window_s = 60", "window_s = 0", "`provider.window_s`", "line 7"),
        ("window_s = 60", "window_s = \"a minute\"", "window_s", "line 7"),
        ("window_s = 60", "window_s = 1e999", "at most 2678400", "line 7"),
        ("window_s = 60", "window_s = 99999999999999999999", "at most 2678400", "line 7"),
        (
            "window_s = 60",
            "overload = [{ at_hour = 30, minutes = 5, refuse = 1 }]",
            "`provider.overload[0].at_hour` is 30, but must be at least 0 and below 24",
            "line 7",
        ),
    ];
    let place = Workplace::new();
    for (right, wrong, named, line) in cases {
        place.put("mine.toml", SCENARIO.replace(right, wrong));
        let before = place.tree();
        assert_refused(&place.run("simulate --scenario mine.toml"), 2, &["mine.toml", named, line], wrong);
        assert_eq!(place.tree(), before, "{wrong}");
    }
    place.put("mine.toml", SCENARIO);
    place.run("simulate --scenario mine.toml --hours 1 --replications 1").ok();
}

#[test]
fn a_bad_configuration_is_named_with_its_key_and_rule() {
    let cases = [
        ("[limiter]\nmax_calls_per_minute = 0\n", "`limiter.max_calls_per_minute`"),
        ("[limiter]\nmax_calls_per_minute = -1\n", "max_calls_per_minute"),
        ("[limiter]\nmax_concurrency = 1e3\n", "max_concurrency"),
        ("[limiter]\nwindow_s = nan\n", "`limiter.window_s`"),
        ("[limiter]\nmax_calls_per_minut = 1\n", "did you mean `max_calls_per_minute`?"),
        ("[controller.aimd]\ndecrease = 1.0\n", "`controller.aimd.decrease`"),
        ("[controler]\n", "did you mean `controller`?"),
        ("[limiter\n", "line 1"),
    ];
    let place = Workplace::new();
    for (text, named) in cases {
        place.put("config.toml", text);
        let before = place.tree();
        assert_refused(&place.run(SHORT), 2, &["config.toml", named], text);
        assert_eq!(place.tree(), before, "{text}");
    }
}

#[test]
fn a_bad_trace_is_named_with_its_line_and_what_was_expected() {
    let cases: [(&[u8], &str); 9] = [
        (b"", "calls.csv:1: the file is empty"),
        (b"arrival_s\n", "expected at least one"),
        (b"arrival_s,input_tokens\n1,2\n3", "calls.csv:3: "),
        (b"\x1f\x8b\x08\x00\xff", "calls.csv:1: "),
        (b"arrival_s\n1\n\xff\xfe\n", "calls.csv:3: "),
        (b"arrival_s,input_tokens\n1,2\n2,x\n", "calls.csv:3: found `x` in `input_tokens`"),
        (b"arrival_s\n1\n-2\n", "calls.csv:3: found `-2` in `arrival_s`"),
        (b"arrival_s\n1\nnan\n", "calls.csv:3: found `nan` in `arrival_s`"),
        (b"when,what\n1,2\n", "begins no known format"),
    ];
    let place = Workplace::new();
    for (bytes, named) in cases {
        place.put("calls.csv", bytes);
        let before = place.tree();
        assert_refused(&place.run("simulate --trace calls.csv"), 1, &[named], named);
        assert_eq!(place.tree(), before, "{named}");
    }
}

#[test]
fn a_place_that_cannot_be_written_to_is_left_as_it_is() {
    let place = Workplace::new();
    place.put("file", "mine");
    let before = place.tree();
    let mut cases = vec![
        (format!("{SHORT} --out file"), "file"),
        (format!("{SHORT} --out file/below"), "file/below"),
        ("generate --hours 1 --out file/trace.csv".to_owned(), "file/trace.csv"),
        ("generate --hours 1 --out missing/trace.csv".to_owned(), "the folder missing does not exist"),
    ];
    if cfg!(target_os = "linux") {
        cases.push((format!("{SHORT} --out /proc/ratepilot"), "/proc/ratepilot"));
    }
    for (args, named) in cases {
        assert_refused(&place.run(&args), 1, &[named, "--out"], &args);
        assert_eq!(place.tree(), before, "{args}");
    }
}

#[test]
fn a_run_leaves_its_files_and_nothing_else() {
    let place = Workplace::new();
    place.run(&format!("{SHORT} --controllers none --calls --out out")).ok();
    let names: Vec<_> = place.tree_of("out").into_keys().map(|path| path.display().to_string()).collect();
    let files = ["adjustments.csv", "calls.csv", "report.html", "summary.json", "timeline.csv", "waits.csv"];
    assert!(files.iter().all(|file| names.iter().any(|name| name == file)), "{names:?}");
    let others: Vec<_> = names.iter().filter(|name| !files.contains(&name.as_str())).collect();
    assert!(others.iter().all(|name| name.ends_with(".png")), "{others:?}");
}

#[test]
fn a_folder_holds_one_run() {
    let place = Workplace::new();
    place.run(&format!("{SHORT} --scenario constant --calls --out reused")).ok();
    for folder in ["reused", "new"] {
        place.run(&format!("{SHORT} --controllers none --out {folder}")).ok();
    }
    assert!(place.tree_of("reused") == place.tree_of("new"), "{:?}", place.tree_of("reused").keys());
}

#[test]
fn a_folder_in_which_one_file_cannot_be_put_is_left_as_it_is() {
    let place = Workplace::new();
    std::fs::create_dir_all(place.path("out/summary.json")).unwrap();
    let before = place.tree();
    assert_refused(
        &place.run(&format!("{SHORT} --out out")),
        1,
        &["out", "summary.json"],
        "a folder in its place",
    );
    assert!(place.tree() == before, "{:?}", place.tree().keys());
}

#[test]
fn report_says_what_is_wrong_with_a_folder_and_leaves_it_as_it_is() {
    let place = Workplace::new();
    place.run(&format!("{SHORT} --out run")).ok();
    let timeline = place.text("run/timeline.csv");
    let summary = place.text("run/summary.json");
    let damage: [(&str, &str, String, &[&str]); 6] = [
        (
            "timeline.csv",
            "cut",
            timeline[..timeline.len() / 2].trim_end_matches('\n').to_owned(),
            &["timeline.csv"],
        ),
        (
            "timeline.csv",
            "edited",
            timeline.replacen(",0,0,", ",0,many,", 1),
            &["timeline.csv", "line", "`many`"],
        ),
        ("timeline.csv", "emptied", String::new(), &["timeline.csv", "line 1"]),
        (
            "timeline.csv",
            "of another run",
            timeline.replace("knowledge-base", "other"),
            &["timeline.csv", "`other`"],
        ),
        ("summary.json", "cut", summary[..summary.len() / 2].to_owned(), &["summary.json", "line"]),
        ("summary.json", "no JSON", "hello".to_owned(), &["summary.json", "line 1"]),
    ];
    for (file, what, text, named) in damage {
        let whole = place.text(&format!("run/{file}"));
        assert_ne!(whole, text, "{file}, {what}, is not damaged");
        place.put(&format!("run/{file}"), text);
        let before = place.tree();
        let hint = format!("{file}, {what}");
        assert_refused(&place.run("report run"), 1, &[&["run"], named].concat(), &hint);
        assert_eq!(place.tree(), before, "{hint}");
        place.put(&format!("run/{file}"), whole);
    }
    place.run("report run").ok();
    std::fs::create_dir(place.path("empty")).unwrap();
    for folder in ["empty", "missing"] {
        let before = place.tree();
        assert_refused(&place.run(&format!("report {folder}")), 1, &[folder, "simulate"], folder);
        assert_eq!(place.tree(), before, "{folder}");
    }
}

/// Later ones win: the defaults, `config.toml`, `.env`, the environment.
#[test]
fn the_environment_overrides_env_files_and_those_the_configuration() {
    let place = Workplace::new();
    let top_limit = |environment: &[(&str, &str)]| {
        let run = "simulate --hours 0.2 --replications 1 --controllers fixed --json";
        let summary: Value = serde_json::from_str(&place.run_in(run, environment).ok()).unwrap();
        summary["scenarios"][0]["controllers"][0]["highest_limit_calls"].as_u64()
    };
    assert_eq!(top_limit(&[]), Some(60));
    place.put("config.toml", "[limiter]\nmax_calls_per_minute = 10\n");
    assert_eq!(top_limit(&[]), Some(10));
    place.put(".env", "GLM_API_MAX_CALLS_PER_MINUTE=20\n");
    assert_eq!(top_limit(&[]), Some(20));
    assert_eq!(top_limit(&[("GLM_API_MAX_CALLS_PER_MINUTE", "30")]), Some(30));
    let specific = "RATEPILOT__LIMITER__MAX_CALLS_PER_MINUTE";
    assert_eq!(top_limit(&[("GLM_API_MAX_CALLS_PER_MINUTE", "30"), (specific, "40")]), Some(40));
    for (name, value) in [(specific, "0"), (specific, "many"), ("RATEPILOT__LIMITER__MAX_CALL", "1")] {
        assert_refused(&place.run_in(SHORT, &[(name, value)]), 2, &[name], value);
    }
}

#[test]
fn keys_appear_nowhere() {
    const SECRET: &str = "k-3f9a27c1";
    let place = Workplace::new();
    let keys =
        ["GLM_API_KEY", "DEEPSEEK_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"].map(|name| (name, SECRET));
    let silent = |said: &Said| assert!(!format!("{said:?}").contains(SECRET), "{said:?}");
    place.put(".env", format!("GLM_API_KEY={SECRET}\n"));
    let said = place.run_in(&format!("{SHORT} --calls --json"), &keys);
    silent(&said);
    said.ok();
    for (path, bytes) in place.tree_of("ratepilot-out") {
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "{}", path.display());
    }
    // A line that cannot be read may be the one with the key.
    place.put(".env", format!("GLM_API_KEY {SECRET}\n"));
    let said = place.run_in(SHORT, &keys);
    silent(&said);
    assert_refused(&said, 2, &[".env"], "a broken .env");
}

/// As `| head` does: nobody reads on, and that is no fault.
#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let place = Workplace::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = place.command();
    command.args(SHORT.split(' ')).stdout(Stdio::from(writer)).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    // The command keeps its copy of the pipe's other end until it is dropped.
    drop((command, reader));
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
}

#[track_caller]
fn assert_refused(said: &Said, code: i32, named: &[&str], hint: &str) {
    assert_eq!(said.code, Some(code), "{hint}: {said:?}");
    assert_eq!(said.stdout, "", "{hint}");
    for named in named {
        assert!(said.stderr.contains(named), "{hint}: `{named}` is not named in\n{}", said.stderr);
    }
    assert!(!said.stderr.contains("panicked"), "{hint}: {}", said.stderr);
}

const SCENARIO: &str = "\
name = \"mine\"
hours = 24
[arrivals]
process = \"poisson\"
calls_per_hour = 250
[provider]
window_s = 60
calls_per_minute = 60
";
