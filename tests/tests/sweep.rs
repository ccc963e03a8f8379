//! `ratepilot sweep` as a user runs it: stopped and resumed, shared by machines, and wrong.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use ratepilot_tests::binary::{Said, Tree, Workplace};
use serde_json::Value;

/// A sweep that is over soon.
const GRID: &str =
    "--hours 2 --replications 2 --grid max_calls_per_minute=10..50:20 --grid max_concurrency=2,6";
const FILES: [&str; 7] = [
    "heat-map.png",
    "pareto.png",
    "points.jsonl",
    "recommended.toml",
    "sweep.csv",
    "sweep.html",
    "sweep.json",
];

type Row = BTreeMap<String, String>;

fn sweep(place: &Workplace, more: &str) -> Said {
    place.run(&format!("sweep {GRID} {more}"))
}

fn rows(place: &Workplace, folder: &str) -> Vec<Row> {
    let text = place.text(&format!("{folder}/sweep.csv"));
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    csv.deserialize().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_sweep_recommends_a_point_and_says_why() {
    let place = Workplace::new();
    let said = sweep(&place, "").ok();
    assert!(said.contains("\nRecommended: "), "{said}");
    let names: Vec<_> = place.tree_of("ratepilot-sweep").into_keys().collect();
    assert_eq!(names, FILES.map(PathBuf::from));
    let rows = rows(&place, "ratepilot-sweep");
    let of_grid = rows.iter().filter(|row| row["round"] == "0");
    assert_eq!(of_grid.count(), 12, "6 of fixed, 6 of predictive");
    assert_eq!(rows.iter().filter(|row| row["recommended"] == "true").count(), 1);
    assert!(rows.iter().any(|row| row["on_front"] == "true"));
    let page = place.text("ratepilot-sweep/sweep.html");
    for outside in ["src=\"http", "href=\"http", "url(http", "<script src"] {
        assert!(!page.contains(outside), "the page needs the network: {outside}");
    }
}

/// What is recommended is what `simulate` makes of the recommended configuration.
#[test]
fn the_recommended_configuration_is_the_recommended_point() {
    let place = Workplace::new();
    for controllers in ["fixed", "predictive", "aimd"] {
        let more =
            format!("--controllers {controllers} --grid hits_per_hour=0.4,0.9 --grid aimd.decrease=0.6,0.7");
        sweep(&place, &format!("{more} --refine 1 --out {controllers}")).ok();
        let rows = rows(&place, controllers);
        let best = rows.iter().find(|row| row["recommended"] == "true").unwrap();
        let summary = |simulated: &str| -> Value {
            let run =
                format!("simulate --hours 2 --replications 2 --config {controllers}/recommended.toml --json");
            let said = place.run(&format!("{run} --controllers {simulated}")).ok();
            serde_json::from_str::<Value>(&said).unwrap()["scenarios"][0]["controllers"][0].clone()
        };
        for key in ["calls", "attempts", "hits"] {
            assert_eq!(summary(controllers)[key].to_string(), best[key], "{controllers}, {key}");
        }
        if controllers == "fixed" {
            // Whatever would learn keeps to the fixed limits.
            assert_eq!(summary("predictive")["hits"].to_string(), best["hits"]);
        }
    }
}

#[test]
fn threads_shards_and_stops_leave_no_trace() {
    let place = Workplace::new();
    let on = |threads: &str, args: &str| {
        place.run_in(args, &[("RAYON_NUM_THREADS", threads)]).ok();
    };
    on("1", &format!("sweep {GRID} --seed 7 --out one"));
    on("2", &format!("sweep {GRID} --seed 7 --out two"));
    let one = place.tree_of("one");
    assert_same(&one, &place.tree_of("two"));
    // Parts may be counted from 0 or from 1.
    for shard in ["1/3", "2/3", "3/3"] {
        on("2", &format!("sweep {GRID} --seed 7 --shard {shard} --out part-{}", &shard[..1]));
    }
    on("2", "sweep merge part-2 part-3 part-1 --out merged");
    assert_same(&one, &place.tree_of("merged"));

    // As if it had been ended in the middle of a line.
    let journal = place.text("one/points.jsonl");
    let lines: Vec<_> = journal.lines().collect();
    std::fs::create_dir(place.path("stopped")).unwrap();
    let half = &lines[5][..lines[5].len() / 2];
    place.put("stopped/points.jsonl", format!("{}\n{half}", lines[..5].join("\n")));
    let said = place.run(&format!("sweep {GRID} --seed 7 --out stopped"));
    assert!(said.stderr.contains("4 points there already"), "{}", said.stderr);
    said.ok();
    assert_same(&one, &place.tree_of("stopped"));
    // Nothing is left to be done, and nothing changes.
    on("2", &format!("sweep {GRID} --seed 7 --out one"));
    assert_same(&one, &place.tree_of("one"));
}

#[test]
fn a_sweep_that_is_killed_goes_on() {
    let place = Workplace::new();
    let args = format!("sweep {GRID} --replications 8 --refine 0 --out");
    let args = args.replace("--replications 2", "");
    let mut command = place.command();
    command.args(format!("{args} killed").split_whitespace()).env("RAYON_NUM_THREADS", "1");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let path = place.path("killed/points.jsonl");
    let lines = || File::open(&path).map_or(0, |file| BufReader::new(file).lines().count());
    // Ends when the journal has a few lines, or the sweep is over before anybody could look.
    while lines() < 4 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(lines() >= 4);
    place.run(&format!("{args} killed")).ok();
    place.run(&format!("{args} whole")).ok();
    assert_same(&place.tree_of("whole"), &place.tree_of("killed"));
}

#[test]
fn a_finished_sweep_can_be_refined_further() {
    let place = Workplace::new();
    sweep(&place, "--refine 0 --out folder").ok();
    assert!(rows(&place, "folder").iter().all(|row| row["round"] == "0"));
    let said = sweep(&place, "--refine 2 --out folder");
    assert!(said.stderr.contains("14 points there already"), "the grid and the two ends: {}", said.stderr);
    said.ok();
    sweep(&place, "--refine 2 --out fresh").ok();
    assert_same(&place.tree_of("fresh"), &place.tree_of("folder"));
    assert!(rows(&place, "folder").iter().any(|row| row["round"] != "0"));
}

#[test]
fn another_world_or_shard_in_the_folder_is_refused_by_name() {
    let place = Workplace::new();
    place.put("calls.csv", "arrival_s\n1\n4000\n").put("mine.toml", "[limiter]\nguard_ms = 300\n");
    sweep(&place, "--refine 0 --out folder").ok();
    let before = place.tree();
    let cases = [
        ("--seed 2", "its seed is 1 there and 2 here"),
        ("--scenario constant", "its scenario is knowledge-base there and constant here"),
        ("--trace calls.csv", "its trace is none there and calls.csv"),
        ("--config mine.toml", "its configuration has limiter.guard_ms = 200 there and 300 here"),
        ("--shard 0/2", "its shard is the whole there and 0/2 here"),
    ];
    for (more, named) in cases {
        assert_refused(
            &sweep(&place, &format!("--refine 0 --out folder {more}")),
            2,
            &["folder", named],
            more,
        );
        assert!(place.tree() == before, "{more}");
    }
    let other = GRID.replace("--hours 2", "--hours 3");
    assert_refused(
        &place.run(&format!("sweep {other} --out folder")),
        2,
        &["its --hours is 2 there"],
        "hours",
    );
}

#[test]
fn a_folder_is_written_to_by_one_sweep_at_a_time() {
    let place = Workplace::new();
    std::fs::create_dir(place.path("busy")).unwrap();
    place.put("busy/points.jsonl", "");
    let file = File::options().write(true).open(place.path("busy/points.jsonl")).unwrap();
    file.lock().unwrap();
    assert_refused(&sweep(&place, "--out busy"), 1, &["another sweep is writing to busy"], "locked");
    drop(file);
    sweep(&place, "--refine 0 --out busy").ok();
}

#[test]
fn a_damaged_journal_is_named_with_its_line() {
    let place = Workplace::new();
    sweep(&place, "--refine 0 --out folder").ok();
    let journal = place.text("folder/points.jsonl");
    place.put("folder/points.jsonl", journal.replacen("{\"point\"", "{\"pint\"", 1));
    assert_refused(&sweep(&place, "--refine 0 --out folder"), 1, &["folder/points.jsonl:2: "], "damaged");
}

#[test]
fn a_trace_can_be_swept() {
    let place = Workplace::new();
    place.run("generate --hours 1 --out calls.csv").ok();
    let said =
        place.run("sweep --trace calls.csv --controllers predictive --grid hits_per_hour=0.3,0.9 --json");
    let document: Value = serde_json::from_str(&said.ok()).unwrap();
    assert_eq!(document["trace_sha256"].as_str().map(str::len), Some(64));
    assert_eq!(document["replications"], 1);
    assert_eq!(document, serde_json::from_str::<Value>(&place.text("ratepilot-sweep/sweep.json")).unwrap());
    let rows = rows(&place, "ratepilot-sweep");
    assert!(rows.iter().all(|row| row["calls"] == rows[0]["calls"]), "all points see the same calls");
    // The machine that merges may have it elsewhere.
    let args = "sweep --trace calls.csv --controllers predictive --grid hits_per_hour=0.3,0.9";
    place.run(&format!("{args} --shard 0/1 --out part")).ok();
    std::fs::rename(place.path("calls.csv"), place.path("moved.csv")).unwrap();
    assert_refused(&place.run("sweep merge part --out merged"), 2, &["calls.csv"], "the trace is gone");
    place.put("other.csv", "arrival_s\n1\n");
    let other = place.run("sweep merge part --out merged --trace other.csv");
    assert_refused(&other, 2, &["other.csv is not the trace of this sweep"], "another trace");
    place.run("sweep merge part --out merged --trace moved.csv").ok();
    assert_same(&place.tree_of("ratepilot-sweep"), &place.tree_of("merged"));
}

#[test]
fn where_nobody_calls_nothing_is_recommended() {
    let place = Workplace::new();
    place.put(
        "quiet.toml",
        "name = \"quiet\"\nhours = 1\n[arrivals]\nprocess = \"poisson\"\ncalls_per_hour = 0.000001\n",
    );
    let said = place.run("sweep --scenario quiet.toml --replications 1 --grid max_concurrency=1,2").ok();
    assert!(said.contains("there is nothing to recommend"), "{said}");
    assert!(!place.path("ratepilot-sweep/recommended.toml").exists());
}

#[test]
fn a_budget_that_no_point_keeps_is_said_so() {
    let place = Workplace::new();
    let said = sweep(&place, "--budget 0.0001 --controllers predictive").ok();
    assert!(said.contains("Nothing is recommended: none of ") && said.contains("larger --budget"), "{said}");
    assert!(rows(&place, "ratepilot-sweep").iter().all(|row| row["within_budget"] == "false"));
}

#[test]
fn a_wrong_call_is_refused_before_anything_is_written() {
    let cases = [
        ("--grid max_concurency=1,2", "did you mean `max_concurrency`?"),
        ("--grid start_concurrency=1", "controller.inspect.start_concurrency"),
        ("--grid max_concurrency", "KEY=VALUES"),
        ("--grid max_concurrency=", "KEY=VALUES"),
        ("--grid max_concurrency=9..3", "`9..3` in the values of `max_concurrency`"),
        ("--grid max_concurrency=1..3:0", "a step above 0"),
        ("--grid max_concurrency=1.5", "a whole number"),
        ("--grid max_concurrency=1 --grid limiter.max_concurrency=2", "two axes"),
        ("--grid max_calls_per_minute=0,10", "`limiter.max_calls_per_minute` is 0"),
        ("--grid max_calls_per_minute=1..1000 --grid max_concurrency=1..1000", "2000000 points"),
        ("--grid max_calls_per_minute=1..1000000000000", "more than 10000 values"),
        ("--controllers none", "'none' has nothing to be set"),
        ("--controllers amid", "did you mean 'aimd'?"),
        ("--scenario knowlege-base", "did you mean `knowledge-base`?"),
        ("--shard 5/3", "--shard"),
        ("--shard 0/0", "--shard"),
        ("--shard x", "--shard"),
        ("--budget 0", "--budget"),
        ("--budget nan", "--budget"),
        ("--refine 1000", "--refine"),
        ("--hours 0", "--hours"),
        ("--trace missing.csv", "missing.csv"),
        ("--config missing.toml", "missing.toml"),
        ("merge", "DIR"),
        ("--seed 1 merge part", "merge"),
    ];
    let place = Workplace::new();
    for (args, named) in cases {
        assert_refused(&place.run(&format!("sweep {args}")), 2, &[named], args);
        assert!(place.tree().is_empty(), "{args}");
    }
}

#[test]
fn shards_that_are_not_one_sweep_are_not_merged() {
    let place = Workplace::new();
    let shard = |part: &str, more: &str, folder: &str| {
        sweep(&place, &format!("--controllers fixed --shard {part} {more} --out {folder}")).ok();
    };
    shard("0/2", "", "zero");
    shard("1/2", "", "one");
    shard("1/2", "--seed 2", "other-seed");
    shard("1/2", "--budget 2", "other-budget");
    shard("1/3", "", "of-three");
    sweep(&place, "--controllers fixed --refine 0 --out whole").ok();
    std::fs::create_dir(place.path("empty")).unwrap();
    std::fs::create_dir(place.path("cut")).unwrap();
    let journal = place.text("one/points.jsonl");
    let lines: Vec<_> = journal.lines().collect();
    place.put("cut/points.jsonl", lines[..lines.len() - 1].join("\n") + "\n");
    let before = place.tree();
    let cases: [(&str, i32, &[&str]); 9] = [
        ("zero", 2, &["1 of 2 shards is missing: 1/2"]),
        ("zero zero", 2, &["both hold shard 0/2"]),
        ("zero other-seed", 2, &["zero and other-seed", "its seed is 1 there and 2 here"]),
        ("zero other-budget", 2, &["their budget differs"]),
        ("zero of-three", 2, &["their number of shards differs"]),
        ("zero whole", 2, &["whole holds a whole sweep"]),
        ("zero empty", 1, &["empty holds no sweep"]),
        ("zero missing", 1, &["missing holds no sweep"]),
        ("zero cut", 1, &["shard 1/2 in cut is not finished: 1 of its 4 points"]),
    ];
    for (dirs, code, named) in cases {
        assert_refused(&place.run(&format!("sweep merge {dirs} --out merged")), code, named, dirs);
        assert!(place.tree() == before, "{dirs}");
    }
    place.run("sweep merge one zero --out merged").ok();
}

#[test]
fn help_has_examples_and_fits() {
    let place = Workplace::new();
    for command in ["sweep", "sweep merge"] {
        let help = place.run(&format!("{command} --help")).ok();
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{help}"));
        assert!(examples.contains(&format!("  ratepilot {command}")), "{examples}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
}

#[test]
fn the_examples_run_in_the_order_in_which_they_are_printed() {
    let place = Workplace::new();
    place.put("calls.csv", "arrival_s\n1\n2.5\n");
    let help = place.run("sweep --help").ok();
    let examples: Vec<_> = help.lines().filter_map(|line| line.strip_prefix("  ratepilot ")).collect();
    assert!(examples.len() >= 6, "{help}");
    for (index, example) in examples.iter().enumerate() {
        let shorter = if example.contains("merge") { "" } else { " --hours 0.2 --replications 1" };
        // Each has its own folder here: on a user's disk the next one would be told of the one before.
        let out = if example.contains("--out") || index == 0 || example.contains("merge") {
            String::new()
        } else {
            format!(" --out out-{index}")
        };
        if example.contains("--shard") {
            for part in ["1/3", "2/3", "3/3"] {
                let args = example.replace("1/3", part).replace("part-1", &format!("part-{}", &part[..1]));
                place.run(&(args + shorter)).ok();
            }
        } else {
            let out = if example.contains("merge") { " --out out-merged".to_owned() } else { out };
            place.run(&format!("{example}{shorter}{out}")).ok();
        }
    }
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

/// Names the files that differ, not their bytes.
#[track_caller]
fn assert_same(expected: &Tree, found: &Tree) {
    assert!(expected.keys().eq(found.keys()), "{:?}\nand {:?}", expected.keys(), found.keys());
    let differ: Vec<_> =
        expected.iter().filter(|(name, bytes)| found[*name] != **bytes).map(|pair| pair.0).collect();
    assert!(differ.is_empty(), "other bytes in {differ:?}");
}
