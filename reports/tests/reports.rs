//! Round trips, extremes, determinism and escaping, over the crate's public face.

use adaptive::Reason;
use limiter_core::Dimension;
use proptest::prelude::*;
use reports::{Artifact, Files, ReadError, charts, export, meaning, page, read};
use simulator::results::{
    Adjustments, Change, ControllerSummary, Estimate, Minute, PairedDifference, Results, ScenarioSummary,
    Summary, Timeline, WaitCurve, WaitPoint, WaitSummary,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_written_is_read_back(results in results()) {
        let files = export(&results).expect("files");
        prop_assert_eq!(read_back(&files).expect("the same files"), results);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 32, ..ProptestConfig::default() })]

    #[test]
    fn every_result_can_be_looked_at(results in results()) {
        let drawn = charts(&results).expect("charts");
        let names: std::collections::BTreeSet<_> = drawn.iter().map(|chart| chart.name.as_str()).collect();
        prop_assert_eq!(names.len(), drawn.len(), "no two charts share a name");
        for chart in &drawn {
            prop_assert!(chart.bytes.starts_with(b"\x89PNG") && chart.name.ends_with(".png"));
            prop_assert!(chart.name.len() < 200 && !chart.name.contains(['/', '\\', ':']), "{}", chart.name);
        }
        let page = page(&results, &drawn).expect("a page");
        prop_assert_eq!(page.name, "report.html");
        let html = String::from_utf8(page.bytes).expect("text");
        prop_assert_eq!(html.matches("<img ").count(), drawn.len());
        let words = html.split("base64,").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest));
        let words: String = words.collect();
        prop_assert!(!words.contains("NaN") && !words.contains("inf%") && !words.contains("<script"));
        for scenario in &results.summary.scenarios {
            let sentence = meaning(scenario);
            prop_assert!(sentence.ends_with('.') && !sentence.contains("NaN"), "{}", sentence);
        }
    }
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let results = sample("knowledge-base");
    assert_eq!(charts(&results).expect("charts"), charts(&results).expect("charts"));
    assert_eq!(export(&results).expect("files"), export(&results).expect("files"));
}

#[test]
fn charts_have_the_documented_names() {
    let names: Vec<String> =
        charts(&sample("Knowledge Base")).expect("charts").into_iter().map(|chart| chart.name).collect();
    assert_eq!(
        names,
        [
            "knowledge-base-before-after.png",
            "knowledge-base-controllers.png",
            "knowledge-base-differences.png",
            "knowledge-base-waits.png",
            "knowledge-base-timeline-none.png",
            "knowledge-base-timeline-aimd.png",
            "knowledge-base-adjustments-aimd.png",
        ]
    );
}

#[test]
fn several_scenarios_have_a_league() {
    let mut results = sample("one");
    let mut other = results.summary.scenarios[0].clone();
    "other".clone_into(&mut other.name);
    results.summary.scenarios.push(other);
    let drawn = charts(&results).expect("charts");
    assert_eq!(drawn[0].name, "league.png");
    assert!(reports::file_names(&results).contains(&"league.png".to_owned()));
    let page = page(&results, &drawn).expect("a page");
    let html = String::from_utf8(page.bytes).expect("text");
    assert_eq!(html.matches("<img ").count(), drawn.len());
}

#[test]
fn nothing_a_user_names_becomes_markup() {
    let results = sample("<script>alert(\"1302\")</script> & 'co'");
    let page = page(&results, &charts(&results).expect("charts")).expect("a page");
    let html = String::from_utf8(page.bytes).expect("text");
    assert!(!html.contains("<script") && !html.contains("alert(\""));
    assert!(html.contains("&#60;script&#62;alert(&#34;1302&#34;)"));
    for outside in ["http://", "https://", "src=\"/", "@import", "url("] {
        assert!(!html.contains(outside), "the page asks for {outside}");
    }
}

#[test]
fn a_result_without_anything_makes_a_page() {
    let mut results = sample("empty");
    results.summary.scenarios.clear();
    (results.timelines, results.waits, results.adjustments) = (Vec::new(), Vec::new(), Vec::new());
    assert_eq!(charts(&results).expect("no charts"), []);
    assert!(page(&results, &[]).is_ok());
}

#[test]
fn errors_say_where_and_what() {
    let files = export(&sample("knowledge-base")).expect("files");
    let spoiled = |file: &str, from: &str, to: &str| {
        let spoil = |artifact: &Artifact| {
            let text = String::from_utf8(artifact.bytes.clone()).expect("text");
            let text = if artifact.name == file { text.replacen(from, to, 1) } else { text };
            Artifact { name: artifact.name.clone(), bytes: text.into_bytes() }
        };
        read_back(&files.iter().map(spoil).collect::<Vec<_>>()).expect_err("spoiled").to_string()
    };
    let expect = |error: String, parts: &[&str]| {
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    };
    expect(
        spoiled("summary.json", "\"seed\": 1", "\"seed\": -1"),
        &["summary.json, line 5", "run `simulate` again"],
    );
    expect(
        spoiled("timeline.csv", "minute,", "hour,"),
        &["timeline.csv, line 1", "found `scenario,controller,re"],
    );
    expect(
        spoiled("timeline.csv", ",none,0,1,60,", ",none,0,1,many,"),
        &["timeline.csv, line 3, column `true_limit_calls`: expected a whole number", "found `many`"],
    );
    expect(
        spoiled("timeline.csv", ",none,0,1,", ",none,0,2,"),
        &["line 3, column `minute`: expected minute 1"],
    );
    expect(
        spoiled("timeline.csv", "knowledge-base,none,0,1,", "other,none,0,1,"),
        &["line 3", "different runs"],
    );
    expect(spoiled("timeline.csv", ",none,0,1,", ",none,1,0,"), &["timeline.csv, line 4", "in one block"]);
    expect(spoiled("waits.csv", "0.5,0.0", "1.5,0.0"), &["waits.csv, line 2, column `share`", "found `1.5`"]);
    expect(spoiled("waits.csv", "0.5,0.0", "0.5,NaN"), &["waits.csv, line 2, column `wait_s`"]);
    expect(spoiled("waits.csv", "0.5,0.0", "0.5"), &["waits.csv, line 2", "expected a row of CSV"]);
    expect(
        spoiled("adjustments.csv", "refused for calls", "bored"),
        &["adjustments.csv, line 2, column `reason`", "found `bored`"],
    );
    expect(
        spoiled("adjustments.csv", "0,61.5,calls", "0,61.5,cats"),
        &["adjustments.csv, line 2, column `dimension`: expected calls, tokens", "found `cats`"],
    );
    expect(spoiled("adjustments.csv", ",61.5,", ",-1,"), &["adjustments.csv, line 2, column `time_s`"]);
}

#[test]
fn series_that_were_torn_apart_are_refused() {
    let mut results = sample("knowledge-base");
    results.timelines.push(results.timelines[0].clone());
    let error = read_back(&export(&results).expect("files")).expect_err("torn apart");
    assert!(matches!(error, ReadError::Scattered { file: "timeline.csv", line: 8, .. }), "{error}");
}

fn read_back(files: &[Artifact]) -> Result<Results, ReadError> {
    let content =
        |name: &str| files.iter().find(|file| file.name == name).map_or(&[][..], |file| &file.bytes);
    read(Files {
        summary: content("summary.json"),
        timeline: content("timeline.csv"),
        waits: content("waits.csv"),
        adjustments: content("adjustments.csv"),
    })
}

/// Two controllers, three minutes, one refusal.
fn sample(name: &str) -> Results {
    let controllers = ["none", "aimd"];
    let minutes = |controller: &str| {
        let limit_calls = (controller == "aimd").then_some(40);
        (0..3).map(move |minute| Minute {
            minute,
            true_limit_calls: Some(60),
            limit_calls,
            granted: 30,
            accepted: 29,
            hits: u32::from(minute == 1),
            in_flight: 4,
            ..Minute::default()
        })
    };
    let timeline = |controller: &str| Timeline {
        scenario: name.to_owned(),
        controller: controller.to_owned(),
        replication: 0,
        minutes: minutes(controller).collect(),
    };
    let curve = |controller: &str| WaitCurve {
        scenario: name.to_owned(),
        controller: controller.to_owned(),
        points: vec![WaitPoint { share: 0.5, wait_s: 0.0 }, WaitPoint { share: 1.0, wait_s: 2.5 }],
    };
    let estimate = Estimate { mean: 20.0, ci95: None };
    let controller = |controller: &str| ControllerSummary {
        name: controller.to_owned(),
        replications: 1,
        calls: 90,
        attempts: 91,
        hits: 1,
        overloads: 0,
        lost: 0,
        hits_per_hour: estimate,
        episodes_per_hour: estimate,
        success_rate: Some(1.0),
        success_rate_ci95: None,
        goodput_per_minute: estimate,
        goodput_vs_oracle: None,
        goodput_vs_oracle_ci95: None,
        added_wait_s: WaitSummary::default(),
        utilisation: None,
        highest_limit_calls: None,
        highest_in_flight: 4,
    };
    let scenario = ScenarioSummary {
        name: name.to_owned(),
        hours: 0.05,
        warmup_hours: 0.0,
        controllers: controllers.map(controller).to_vec(),
        differences: vec![PairedDifference {
            controller: "aimd".to_owned(),
            baseline: "none".to_owned(),
            hits_per_hour: estimate,
            goodput_per_minute: estimate,
        }],
    };
    let change = |time_s: f64, reason| Change {
        time_s,
        dimension: Dimension::Calls,
        from: Some(40),
        to: Some(39),
        reason,
        adjustments: 1,
    };
    let adjustments = Adjustments {
        scenario: name.to_owned(),
        controller: "aimd".to_owned(),
        replication: 0,
        changes: vec![change(61.5, Reason::Refused(Dimension::Calls)), change(170.0, Reason::Unrefused)],
    };
    Results {
        summary: Summary {
            version: "0.1.0".to_owned(),
            config_sha256: "00".to_owned(),
            trace_sha256: None,
            seed: 1,
            scenarios: vec![scenario],
        },
        timelines: controllers.map(timeline).to_vec(),
        waits: controllers.map(curve).to_vec(),
        adjustments: vec![adjustments],
    }
}

/// Results that agree with themselves, and are as odd as can be otherwise.
fn results() -> impl Strategy<Value = Results> {
    let scenarios = prop::collection::vec(scenario(), 0..=2);
    (any::<u64>(), prop::option::of(".{0,9}"), scenarios).prop_map(|(seed, trace_sha256, mut parts)| {
        let mut results = Results {
            summary: Summary {
                version: "0.1.0".to_owned(),
                config_sha256: "0f".repeat(32),
                trace_sha256,
                seed,
                scenarios: Vec::new(),
            },
            timelines: Vec::new(),
            waits: Vec::new(),
            adjustments: Vec::new(),
        };
        for (index, (scenario, timelines, waits, adjustments)) in parts.iter_mut().enumerate() {
            // Names may look alike as files, but are not the same.
            let name = format!("{}{}", scenario.name, "\u{3000}".repeat(index));
            scenario.name.clone_from(&name);
            timelines.iter_mut().for_each(|timeline| timeline.scenario.clone_from(&name));
            waits.iter_mut().for_each(|curve| curve.scenario.clone_from(&name));
            results.summary.scenarios.push(scenario.clone());
            results.timelines.append(timelines);
            results.waits.append(waits);
            adjustments.iter_mut().for_each(|own| own.scenario.clone_from(&name));
            results.adjustments.append(adjustments);
        }
        results
    })
}

/// A scenario and its series.
type Parts = (ScenarioSummary, Vec<Timeline>, Vec<WaitCurve>, Vec<Adjustments>);

fn scenario() -> impl Strategy<Value = Parts> {
    let known = ["none", "fixed", "aimd", "inspect", "predictive", "oracle", "<b>\"new, one\"\n", "高峰"];
    let controllers = prop::sample::subsequence(known.to_vec(), 0..=4).prop_flat_map(|names| {
        names.into_iter().map(|name| (controller(name), series(name))).collect::<Vec<_>>()
    });
    ("[a-c ,\"\n<é高]{0,6}", 0.0..400.0_f64, 0.0..3.0_f64, controllers).prop_map(
        |(name, hours, warmup_hours, parts)| {
            let (controllers, series): (Vec<ControllerSummary>, Vec<_>) = parts.into_iter().unzip();
            let pairs = controllers
                .iter()
                .enumerate()
                .flat_map(|(place, later)| controllers[..place].iter().map(move |earlier| (later, earlier)));
            let difference = |(later, earlier): (&ControllerSummary, &ControllerSummary)| PairedDifference {
                controller: later.name.clone(),
                baseline: earlier.name.clone(),
                hits_per_hour: later.hits_per_hour,
                goodput_per_minute: later.goodput_per_minute,
            };
            let differences = pairs.map(difference).collect();
            let mut parts = (Vec::new(), Vec::new(), Vec::new());
            for (timelines, curve, adjustments) in series {
                parts.0.extend(timelines);
                parts.1.push(curve);
                parts.2.extend(adjustments);
            }
            let scenario = ScenarioSummary { name, hours, warmup_hours, controllers, differences };
            (scenario, parts.0, parts.1, parts.2)
        },
    )
}

fn controller(name: &'static str) -> impl Strategy<Value = ControllerSummary> {
    let share = || prop::option::of(0.0..=1.0_f64);
    let counts = (1..40_u32, any::<u64>(), any::<u64>(), prop::option::of(any::<u64>()));
    let waits = [0.0..1e5_f64, 0.0..1e5, 0.0..1e9, 0.0..1e9];
    (counts, estimate(), estimate(), share(), share(), waits).prop_map(
        move |((replications, calls, hits, limit), one, other, success, used, waits)| ControllerSummary {
            name: name.to_owned(),
            replications,
            calls,
            attempts: calls,
            hits,
            overloads: hits,
            lost: hits,
            hits_per_hour: one,
            episodes_per_hour: other,
            success_rate: success,
            success_rate_ci95: success.map(|share| [share, 1.0]),
            goodput_per_minute: other,
            goodput_vs_oracle: used,
            goodput_vs_oracle_ci95: used.map(|ratio| [ratio, ratio]),
            added_wait_s: WaitSummary { p50: waits[0], p95: waits[1], p99: waits[2], max: waits[3] },
            utilisation: used,
            highest_limit_calls: limit,
            highest_in_flight: calls,
        },
    )
}

fn estimate() -> impl Strategy<Value = Estimate> {
    let mean = prop_oneof![Just(0.0), 0.0..10.0_f64, 0.0..1e9_f64, 0.0..1e-9_f64];
    (mean, any::<bool>())
        .prop_map(|(mean, known)| Estimate { mean, ci95: known.then_some([mean * 0.5, mean * 1.5]) })
}

fn series(name: &'static str) -> impl Strategy<Value = (Vec<Timeline>, WaitCurve, Option<Adjustments>)> {
    let timelines = prop::collection::vec(prop::collection::vec(minute(), 1..90), 0..3);
    let points = prop::collection::vec((f64::MIN_POSITIVE..=1.0, 0.0..1e7_f64), 0..20);
    let changes = prop::collection::vec(change(), 0..120);
    (timelines, points, changes).prop_map(move |(timelines, points, changes)| {
        let timelines = timelines.into_iter().enumerate().map(|(replication, minutes)| Timeline {
            scenario: String::new(),
            controller: name.to_owned(),
            replication: replication as u32,
            minutes: minutes
                .into_iter()
                .enumerate()
                .map(|(minute, values)| Minute { minute: minute as u32, ..values })
                .collect(),
        });
        let points = points.into_iter().map(|(share, wait_s)| WaitPoint { share, wait_s });
        let curve =
            WaitCurve { scenario: String::new(), controller: name.to_owned(), points: points.collect() };
        let adjustments = (!changes.is_empty()).then(|| Adjustments {
            scenario: String::new(),
            controller: name.to_owned(),
            replication: 0,
            changes,
        });
        (timelines.collect(), curve, adjustments)
    })
}

fn change() -> impl Strategy<Value = Change> {
    let limit = || prop_oneof![Just(None), (0..100_u64).prop_map(Some), any::<u64>().prop_map(Some)];
    let reason = prop::sample::select(Reason::all().collect::<Vec<_>>());
    let dimension = prop::sample::select(Dimension::ALL.to_vec());
    (0.0..8_000.0_f64, dimension, limit(), limit(), reason, any::<u32>()).prop_map(
        |(time_s, dimension, from, to, reason, adjustments)| Change {
            time_s,
            dimension,
            from,
            to,
            reason,
            adjustments,
        },
    )
}

fn minute() -> impl Strategy<Value = Minute> {
    let limit = || prop_oneof![Just(None), (0..100_u64).prop_map(Some), any::<u64>().prop_map(Some)];
    let count = || prop_oneof![Just(0), 0..50_u32, any::<u32>()];
    let limits = [limit(), limit(), limit(), limit(), limit(), limit()];
    let counts = [count(), count(), count(), count(), count(), count()];
    (limits, counts, any::<u64>()).prop_map(|(limits, counts, tokens)| Minute {
        minute: 0,
        true_limit_calls: limits[0],
        true_limit_concurrency: limits[1],
        true_limit_tokens: limits[4],
        limit_calls: limits[2],
        limit_concurrency: limits[3],
        limit_tokens: limits[5],
        granted: counts[0],
        accepted: counts[1],
        hits: counts[2],
        overloads: counts[3],
        waiting: counts[4],
        in_flight: counts[5],
        tokens,
    })
}
