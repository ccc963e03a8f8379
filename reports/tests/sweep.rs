//! Sweeps of every shape can be written and drawn.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;

use adaptive::{Kind, Settings};
use reports::{Artifact, sweep_files, sweep_meaning};
use simulator::scenario::Scenario;
use simulator::sweep::{Aim, Axis, Grid, Sweep, SweepResults};

const SCENARIO: &str = "\
name = \"steady\"
hours = 1
[arrivals]
process = \"poisson\"
calls_per_hour = 600
[provider]
calls_per_minute = 8
";

fn results(controllers: &[Kind], axes: &[&str], budget: f64, rounds: u32) -> SweepResults {
    let scenario = Scenario::parse("steady.toml", SCENARIO).unwrap();
    let settings = Settings::default();
    let axes: Vec<Axis> = axes.iter().map(|text| text.parse().unwrap()).collect();
    let grid = Grid::new(controllers, axes, &settings).unwrap();
    let sweep = Sweep {
        scenario: &scenario,
        trace: None,
        settings: &settings,
        grid: &grid,
        replications: 6,
        seed: 1,
    };
    let found = sweep.search(Aim { budget, rounds }, &mut BTreeMap::new(), &()).unwrap();
    SweepResults {
        version: "0.1.0".to_owned(),
        config_sha256: "c".repeat(64),
        trace_sha256: None,
        seed: 1,
        scenario: scenario.name,
        hours: 1.0,
        warmup_hours: 0.0,
        replications: 6,
        budget_hits_per_hour: budget,
        grid: grid.axes().to_vec(),
        found,
    }
}

fn text(files: &[Artifact], name: &str) -> String {
    let file = files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("{name} is missing"));
    String::from_utf8(file.bytes.clone()).unwrap()
}

#[test]
fn the_limit_is_found_and_said_why() {
    let results = results(&[Kind::Fixed], &["max_calls_per_minute=4..16:4"], 1.0, 2);
    assert_eq!(
        sweep_meaning(&results),
        "Recommended: fixed with max_calls_per_minute = 8, because of the 4 of 8 points that stay below 1 refusal an hour \
         (upper end of the 95% interval) it has the highest goodput, 7.76 calls a minute (100% of the oracle's), at an \
         added wait of p95 87.2 s; it meets 0.00 refusals an hour (0.00 – 0.61), against 216 without a limiter."
    );
    let files = sweep_files(&results).unwrap();
    let fragment = text(&files, "recommended.toml");
    let (comments, settings): (Vec<_>, Vec<_>) = fragment.lines().partition(|line| line.starts_with('#'));
    assert_eq!(settings.join("\n"), "\n[controller]\nlearn = false\n\n[limiter]\nmax_calls_per_minute = 8");
    assert!(comments.iter().all(|line| line.chars().count() <= 110), "{fragment}");
    let csv = text(&files, "sweep.csv");
    let columns = csv.lines().next().unwrap().split(',').count();
    assert!(csv.lines().count() == 9 && csv.lines().all(|line| line.split(',').count() == columns), "{csv}");
}

#[test]
fn an_edge_is_named_and_a_budget_that_nobody_keeps() {
    let edge = sweep_meaning(&results(&[Kind::Fixed], &["max_calls_per_minute=2,4,6"], 1.0, 0));
    assert!(edge.ends_with(" Its max_calls_per_minute is the highest that was tried: a wider --grid may hold something better."), "{edge}");
    let none = sweep_meaning(&results(&[Kind::Fixed], &["max_calls_per_minute=20,30"], 0.5, 0));
    assert!(
        none.starts_with("Nothing is recommended: none of 2 points stays below 0.5 refusals an hour"),
        "{none}"
    );
}

#[test]
fn every_shape_of_grid_can_be_drawn() {
    let all = Kind::ALL;
    let shapes: [(&[Kind], &[&str], bool); 8] = [
        (&[Kind::Fixed], &[], false),
        (&[Kind::Fixed], &["max_calls_per_minute=8"], false),
        // Nothing of it makes a difference to these.
        (&[Kind::NetflixAimd, Kind::Inspect], &["hits_per_hour=0.3,0.7"], false),
        (&all, &["max_calls_per_minute=4,8", "max_concurrency=1,0"], true),
        (&[Kind::Fixed, Kind::Aimd], &["max_calls_per_minute=4,8"], true),
        (&[Kind::Predictive], &["learn=true,false", "hits_per_hour=0.3,0.7", "max_concurrency=1..3"], true),
        (&[Kind::Fixed], &["max_calls_per_minute=1..80"], true),
        (&[Kind::Fixed], &["max_calls_per_minute=1..9", "pacing_ms=0..3500:100"], true),
    ];
    for (controllers, axes, has_map) in shapes {
        let results = results(controllers, axes, 1.0, 1);
        let files = sweep_files(&results).unwrap();
        assert_eq!(files.iter().any(|file| file.name == "heat-map.png"), has_map, "{axes:?}");
        for chart in files.iter().filter(|file| file.name.ends_with(".png")) {
            assert!(chart.bytes.starts_with(b"\x89PNG"), "{}", chart.name);
        }
        assert_eq!(sweep_files(&results).unwrap(), files, "the same results give the same bytes");
    }
}

#[test]
fn nothing_a_user_names_becomes_markup_or_a_key() {
    let mut results = results(&[Kind::Fixed], &["max_calls_per_minute=4,8"], 1.0, 0);
    results.scenario = "高峰 <script>alert(1)</script>\u{7}\n[limiter]\nmax_calls_per_minute = 1".to_owned();
    let files = sweep_files(&results).unwrap();
    assert!(!text(&files, "sweep.html").contains("<script>"));
    let fragment = text(&files, "recommended.toml");
    assert_eq!(fragment.lines().filter(|line| *line == "[limiter]").count(), 1, "{fragment}");
    assert!(!fragment.contains('\u{7}'));
}
