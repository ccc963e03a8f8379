//! The same command and seed give the same bytes, whatever the number of threads.

#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::Path;

use ratepilot_tests::binary::{Tree, Workplace};

const RUN: &str = "simulate --scenario knowledge-base --scenario overload --hours 1 --replications 3 --calls";

#[test]
fn the_same_seed_gives_the_same_bytes_on_one_thread_and_on_two() {
    let place = Workplace::new();
    let on = |threads: &str, folder: &str| {
        place.run_in(&format!("{RUN} --seed 7 --out {folder}"), &[("RAYON_NUM_THREADS", threads)]).ok();
        place.tree_of(folder)
    };
    let once = on("1", "once");
    for name in ["summary.json", "timeline.csv", "waits.csv", "calls.csv", "report.html"] {
        assert!(once.contains_key(Path::new(name)), "{name} is missing");
    }
    assert!(charts(&once).count() >= 4, "{:?}", once.keys());
    assert_same(&once, &on("1", "again"));
    assert_same(&once, &on("2", "on-two"));
}

#[test]
fn another_seed_gives_another_world() {
    let place = Workplace::new();
    let [one, two] = ["1", "2"].map(|seed| {
        place.run(&format!("{RUN} --seed {seed} --out {seed}")).ok();
        place.tree_of(seed)
    });
    for name in ["summary.json", "timeline.csv", "waits.csv", "calls.csv"] {
        assert_ne!(one[Path::new(name)], two[Path::new(name)], "{name}");
    }
}

/// Replications are independent worlds, so a run of two begins as a run of one.
#[test]
fn further_replications_do_not_change_the_first() {
    let place = Workplace::new();
    let [one, two] = ["1", "2"].map(|replications| {
        let args = "simulate --hours 1 --controllers aimd --calls";
        place.run(&format!("{args} --replications {replications} --out {replications}")).ok();
        place.text(&format!("{replications}/calls.csv"))
    });
    assert!(two.starts_with(&one) && two.len() > one.len());
}

#[test]
fn report_draws_the_same_again() {
    let place = Workplace::new();
    place.run("simulate --scenario overload --hours 2 --replications 2").ok();
    let before = place.tree_of("ratepilot-out");
    for (name, _) in before.iter().filter(|(name, _)| is_drawn(name)) {
        place.put(&format!("ratepilot-out/{}", name.display()), "");
    }
    assert_ne!(place.tree_of("ratepilot-out"), before);
    place.run("report ratepilot-out").ok();
    assert_same(&before, &place.tree_of("ratepilot-out"));
}

fn is_drawn(name: &Path) -> bool {
    name.extension().is_some_and(|ending| ending == "png" || ending == "html")
}

fn charts(tree: &Tree) -> impl Iterator<Item = &Path> {
    tree.keys()
        .map(AsRef::as_ref)
        .filter(|name: &&Path| name.extension().is_some_and(|ending| ending == "png"))
}

/// Names the files that differ, not their bytes.
#[track_caller]
fn assert_same(expected: &Tree, found: &Tree) {
    assert!(expected.keys().eq(found.keys()), "{:?}\nand {:?}", expected.keys(), found.keys());
    let differ: Vec<_> =
        expected.iter().filter(|(name, bytes)| found[*name] != **bytes).map(|pair| pair.0).collect();
    assert!(differ.is_empty(), "other bytes in {differ:?}");
}
