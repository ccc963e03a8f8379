//! `ratepilot simulate`.

use std::path::Path;

use simulator::results::{Results, Summary};
use simulator::scenario::{Scenario, builtin};
use simulator::trace::Trace;
use simulator::{Contender, Plan, SimulateError, adjustments, summarise};

use crate::args::{Common, Simulate};
use crate::asked::{contenders, format, scenarios, set_horizon, trace};
use crate::config::{self, Config};
use crate::console::{note, say};
use crate::fault::Fault;
use crate::folder::Folder;
use crate::rows::{self, Rows};
use crate::{league, progress, report, table};

/// How often a scenario is run where nobody says: often enough for this many simulated hours…
const HOURS: f64 = 30.0 * 24.0;
/// …but at least and at most so often.
const REPLICATIONS: (f64, f64) = (4.0, 30.0);

/// Simulates what the arguments ask for.
///
/// # Errors
/// Where they ask for what there is not, or a file cannot be read or written.
pub fn run(args: &Simulate, common: &Common) -> Result<(), Fault> {
    if args.scenario.iter().any(|name| name == "list") {
        return list(common);
    }
    let contenders = contenders(&args.controllers)?;
    let format = format(&args.format)?;
    let config = config::load(common.config.as_deref())?;
    let mut scenarios = scenarios(&args.scenario)?;
    let trace = args.trace.as_ref().map(|path| trace(path, format)).transpose()?;
    for scenario in &mut scenarios {
        set_horizon(scenario, args.hours, trace.as_ref())?;
    }
    let mut folder = Folder::open(&args.out)?;
    if let Some(trace) = trace.as_ref().filter(|trace| trace.was_unsorted()) {
        note(format_args!(
            "{} was not sorted by arrival: its calls are replayed in order",
            trace.path().display()
        ));
    }
    let job = Job { args, config: &config, contenders: &contenders, trace: trace.as_ref() };
    job.warn(&scenarios);
    let (results, rows) = job.simulate(&scenarios, &folder)?;
    let calls = args.calls.then(|| rows::write(rows, &mut folder)).transpose()?;
    let charts = write(&results, &mut folder)?;
    let path = folder.path().to_owned();
    folder.publish(&earlier(&path))?;
    if common.json { print_json(&results.summary) } else { print(&results.summary, &path, charts, calls) }
}

/// How often a scenario is run: as asked; a trace once; else often enough.
pub fn replications(asked: Option<u32>, scenario: &Scenario, is_replay: bool) -> u32 {
    let (least, most) = REPLICATIONS;
    let enough = (HOURS * 3_600.0 / scenario.horizon.as_secs_f64()).clamp(least, most) as u32;
    asked.unwrap_or(if is_replay { 1 } else { enough })
}

struct Job<'a> {
    args: &'a Simulate,
    config: &'a Config,
    contenders: &'a [Contender],
    trace: Option<&'a Trace>,
}

impl Job<'_> {
    fn replications(&self, scenario: &Scenario) -> u32 {
        replications(self.args.replications, scenario, self.trace.is_some())
    }

    /// Says what is likely not meant.
    fn warn(&self, scenarios: &[Scenario]) {
        let limited = self.contenders.iter().any(|contender| matches!(contender, Contender::Controller(_)));
        let window_s = self.config.settings.limiter.window_s;
        for scenario in scenarios.iter().filter(|_| limited) {
            let provider = &scenario.provider;
            let counts = provider.calls.is_some() || provider.tokens.is_some();
            let theirs_s = provider.window_span.as_secs_f64();
            if counts && theirs_s != window_s {
                note(format_args!(
                    "the provider of '{}' counts in windows of {theirs_s} s, and the limiter in windows of {window_s} s: \
                     set limiter.window_s, or RATEPILOT__LIMITER__WINDOW_S={theirs_s}",
                    scenario.name
                ));
            }
        }
        if self.args.calls {
            let expected = scenarios.iter().map(|scenario| {
                let runs = f64::from(self.replications(scenario));
                rows::expected_bytes(scenario, self.contenders, self.trace) * runs
            });
            rows::warn(expected.sum());
        }
    }

    fn simulate(&self, scenarios: &[Scenario], folder: &Folder) -> Result<(Results, Vec<Rows>), Fault> {
        let hours = |scenario: &Scenario| {
            u64::from(self.replications(scenario)) * (scenario.horizon.as_micros() / 3_600_000_000)
        };
        let bar = progress::bar(scenarios.iter().map(hours).sum::<u64>() * self.contenders.len() as u64);
        let mut results = Results {
            summary: Summary {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                config_sha256: self.config.sha256.clone(),
                trace_sha256: self.trace.map(|trace| trace.sha256().to_owned()),
                seed: self.args.seed,
                scenarios: Vec::new(),
            },
            timelines: Vec::new(),
            waits: Vec::new(),
            adjustments: Vec::new(),
        };
        let mut calls = Vec::new();
        for scenario in scenarios {
            bar.set_message(scenario.name.clone());
            let plan = Plan {
                scenario,
                trace: self.trace,
                settings: &self.config.settings,
                contenders: self.contenders,
                replications: self.replications(scenario),
                seed: self.args.seed,
            };
            let recorder = |contender, replication| {
                Rows::new(self.args.calls.then_some(folder), &scenario.name, contender, replication)
            };
            let done = plan.simulate(recorder, || bar.inc(1)).map_err(|error| match error {
                SimulateError::Setting(_) => Fault::call(error),
                SimulateError::Trace(_) => Fault::failure(error),
            });
            let (fields, rows) = done.inspect_err(|_| bar.finish_and_clear())?;
            let (summary, timelines, waits) = summarise(scenario, &fields);
            results.summary.scenarios.push(summary);
            results.timelines.extend(timelines);
            results.waits.extend(waits);
            results.adjustments.extend(adjustments(scenario, &fields));
            calls.extend(rows);
        }
        bar.finish_and_clear();
        Ok((results, calls))
    }
}

/// Writes every file but `calls.csv`; how many of them are charts.
fn write(results: &Results, folder: &mut Folder) -> Result<usize, Fault> {
    let charts = reports::charts(results).map_err(Fault::failure)?;
    let page = reports::page(results, &charts).map_err(Fault::failure)?;
    let files = reports::export(results).map_err(Fault::failure)?;
    for artifact in files.iter().chain(&charts).chain([&page]) {
        folder.write(&artifact.name, |out| out.write_all(&artifact.bytes))?;
    }
    Ok(charts.len())
}

/// The files that a run before this one has left in the folder, where it was a whole one.
fn earlier(folder: &Path) -> Vec<String> {
    let Ok(results) = report::results(folder) else { return Vec::new() };
    let mut names = reports::file_names(&results);
    names.push(rows::CALLS_FILE.to_owned());
    names
}

fn list(common: &Common) -> Result<(), Fault> {
    let mut scenarios = Vec::new();
    for (name, text) in builtin::all() {
        let scenario = Scenario::parse(name, text).map_err(Fault::call)?;
        scenarios.push((name, scenario.description));
    }
    let text = if common.json {
        let entries =
            scenarios.iter().map(|(name, what)| serde_json::json!({ "name": name, "description": what }));
        format!("{}\n", serde_json::Value::from_iter(entries))
    } else {
        scenarios.iter().map(|(name, what)| format!("{name:<21} {what}\n")).collect()
    };
    say(&text)
}

fn print(summary: &Summary, folder: &Path, charts: usize, calls: Option<u64>) -> Result<(), Fault> {
    let mut text = String::new();
    for scenario in &summary.scenarios {
        text += &format!("{}\n{}\n\n", table::of(scenario, summary), reports::meaning(scenario));
    }
    let league = league::of(&summary.scenarios);
    if !league.is_empty() {
        text += &format!("{league}\n");
    }
    let page = folder.join(reports::PAGE_FILE);
    let size = calls
        .map_or_else(String::new, |bytes| format!(" ({} is {})", rows::CALLS_FILE, rows::size(bytes as f64)));
    text += &format!(
        "{charts} charts and the files are in {}{size}; open {} first.\n",
        folder.display(),
        page.display()
    );
    say(&text)
}

fn print_json(summary: &Summary) -> Result<(), Fault> {
    let text = serde_json::to_string_pretty(summary).map_err(Fault::failure)?;
    say(&(text + "\n"))
}
