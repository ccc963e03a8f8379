//! `ratepilot simulate`.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use limiter_core::{Micros, Time};
use simulator::results::{Results, Summary};
use simulator::scenario::{Scenario, builtin};
use simulator::trace::{Format, Trace};
use simulator::{ATTEMPTS_HEADER, Attempt, Contender, Plan, Recorder, SimulateError, summarise};

use crate::args::{Common, Simulate};
use crate::config::{self, Config};
use crate::fault::Fault;
use crate::folder::Folder;
use crate::{progress, table};

/// The file of single attempts.
const CALLS_FILE: &str = "calls.csv";
/// How often a scenario is run where nobody says.
const REPLICATIONS: u32 = 30;

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
    let trace =
        args.trace.as_ref().map(|path| Trace::open(path, format)).transpose().map_err(Fault::failure)?;
    for scenario in &mut scenarios {
        set_horizon(scenario, args.hours, trace.as_ref())?;
    }
    let folder = Folder::open(&args.out)?;
    if let Some(trace) = trace.as_ref().filter(|trace| trace.was_unsorted()) {
        note(format_args!(
            "{} was not sorted by arrival: its calls are replayed in order",
            trace.path().display()
        ));
    }
    let replications = args.replications.unwrap_or(if trace.is_some() { 1 } else { REPLICATIONS });
    let job = Job { args, config: &config, contenders: &contenders, trace: trace.as_ref(), replications };
    let results = job.simulate(&scenarios, &folder)?;
    let charts = write(&results, &folder)?;
    let path = folder.path().to_owned();
    folder.publish()?;
    if common.json { print_json(&results.summary) } else { print(&results.summary, &path, charts) }
}

fn contenders(names: &str) -> Result<Vec<Contender>, Fault> {
    if names.trim() == "all" {
        return Ok(Contender::all().collect());
    }
    let mut chosen = Vec::new();
    for name in names.split(',').map(str::trim) {
        let contender = name.parse().map_err(Fault::call)?;
        if !chosen.contains(&contender) {
            chosen.push(contender);
        }
    }
    Ok(chosen)
}

fn format(name: &str) -> Result<Option<Format>, Fault> {
    if name == "auto" { Ok(None) } else { name.parse().map(Some).map_err(Fault::call) }
}

fn scenarios(names: &[String]) -> Result<Vec<Scenario>, Fault> {
    let headline = builtin::all().next().map(|(name, _)| name.to_owned());
    let names = if names.is_empty() { headline.as_slice() } else { names };
    let mut scenarios: Vec<Scenario> = Vec::new();
    for name in names {
        let found = match name.as_str() {
            "all" => builtin::all().map(|(name, text)| parse(name, text)).collect::<Result<Vec<_>, _>>()?,
            name => vec![scenario(name)?],
        };
        for scenario in found {
            if scenarios.iter().any(|known| known.name == scenario.name) {
                let name = scenario.name;
                return Err(Fault::call(anyhow::anyhow!(
                    "two scenarios are called '{name}': give one another name"
                )));
            }
            scenarios.push(scenario);
        }
    }
    Ok(scenarios)
}

/// A built-in scenario, or that of a file: what looks like a path is one.
///
/// # Errors
/// Where there is neither, or the file holds no scenario.
pub fn scenario(name: &str) -> Result<Scenario, Fault> {
    let path = Path::new(name);
    let is_path = path.extension().is_some() || path.components().count() > 1 || path.is_file();
    match builtin::find(name) {
        Ok(text) => parse(name, text),
        Err(unknown) if !is_path => Err(Fault::call(unknown)),
        Err(_) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Fault::call(anyhow::anyhow!(
                    "cannot read the scenario {name}: {error}; give a TOML file, or a name of --scenario list"
                ))
            })?;
            parse(name, &text)
        }
    }
}

fn parse(origin: &str, text: &str) -> Result<Scenario, Fault> {
    Scenario::parse(origin, text).map_err(Fault::call)
}

/// The horizon that was asked for; else a trace's own length; else the scenario's.
fn set_horizon(scenario: &mut Scenario, hours: Option<f64>, trace: Option<&Trace>) -> Result<(), Fault> {
    let horizon = match (hours, trace) {
        (Some(hours), _) => horizon(hours)?,
        // The last call still arrives.
        (None, Some(trace)) => Time::ZERO + trace.span() + Micros::new(1),
        (None, None) => return Ok(()),
    };
    if horizon <= scenario.warmup {
        let warmup = scenario.warmup.as_secs_f64() / 3_600.0;
        let name = &scenario.name;
        let what = format!("the warm-up of '{name}' is {warmup} hours, so that nothing would be measured");
        return Err(Fault::call(anyhow::anyhow!("{what}; give more --hours, or set a shorter warmup_hours")));
    }
    scenario.horizon = horizon;
    Ok(())
}

/// That many hours after the start.
///
/// # Errors
/// Where it is no length of time, or one too long to be simulated.
pub fn horizon(hours: f64) -> Result<Time, Fault> {
    const MOST: f64 = 24.0 * 366.0;
    let horizon = Time::from_secs_f64(hours * 3_600.0);
    if !(hours.is_finite() && hours <= MOST && horizon > Time::ZERO) {
        return Err(Fault::call(anyhow::anyhow!(
            "--hours {hours} must be above 0 and at most {MOST} (a year)"
        )));
    }
    Ok(horizon)
}

struct Job<'a> {
    args: &'a Simulate,
    config: &'a Config,
    contenders: &'a [Contender],
    trace: Option<&'a Trace>,
    replications: u32,
}

impl Job<'_> {
    fn simulate(&self, scenarios: &[Scenario], folder: &Folder) -> Result<Results, Fault> {
        let runs = self.contenders.len() as u64 * u64::from(self.replications);
        let hours: u64 = scenarios.iter().map(|scenario| scenario.horizon.as_micros() / 3_600_000_000).sum();
        let bar = progress::bar(hours * runs);
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
        };
        let mut calls = Vec::new();
        for scenario in scenarios {
            bar.set_message(scenario.name.clone());
            let plan = Plan {
                scenario,
                trace: self.trace,
                settings: &self.config.settings,
                contenders: self.contenders,
                replications: self.replications,
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
            calls.extend(rows);
        }
        bar.finish_and_clear();
        if self.args.calls {
            write_calls(calls, folder)?;
        }
        Ok(results)
    }
}

/// The rows of `calls.csv` of one run, kept in a file of their own until all runs are done.
struct Rows {
    run: String,
    out: Option<BufWriter<File>>,
    error: Option<io::Error>,
}

impl Rows {
    fn new(folder: Option<&Folder>, scenario: &str, contender: Contender, replication: u32) -> Self {
        let run = csv_field(scenario) + &format!(",{contender},{replication}");
        match folder.map(Folder::scratch).transpose() {
            Ok(file) => Self { run, out: file.map(BufWriter::new), error: None },
            Err(error) => Self { run, out: None, error: Some(error) },
        }
    }
}

impl Recorder for Rows {
    fn record(&mut self, attempt: &Attempt) {
        if let Some(out) = self.out.as_mut().filter(|_| self.error.is_none()) {
            self.error = attempt.write(&self.run, out).err();
        }
    }
}

fn write_calls(rows: Vec<Rows>, folder: &Folder) -> Result<(), Fault> {
    folder.write(CALLS_FILE, |out| {
        writeln!(out, "{ATTEMPTS_HEADER}")?;
        for rows in rows {
            if let Some(error) = rows.error {
                return Err(error);
            }
            if let Some(rows) = rows.out {
                let mut file = rows.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.rewind()?;
                io::copy(&mut file, out)?;
            }
        }
        Ok(())
    })
}

/// A field as CSV has it: quoted where it must be.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Writes every file but `calls.csv`; how many of them are charts.
fn write(results: &Results, folder: &Folder) -> Result<usize, Fault> {
    let charts = reports::charts(results).map_err(Fault::failure)?;
    let page = reports::page(results, &charts).map_err(Fault::failure)?;
    let files = reports::export(results).map_err(Fault::failure)?;
    for artifact in files.iter().chain(&charts).chain([&page]) {
        folder.write(&artifact.name, |out| out.write_all(&artifact.bytes))?;
    }
    Ok(charts.len())
}

fn list(common: &Common) -> Result<(), Fault> {
    let mut scenarios = Vec::new();
    for (name, text) in builtin::all() {
        scenarios.push((name, parse(name, text)?.description));
    }
    let text = if common.json {
        let entries =
            scenarios.iter().map(|(name, what)| serde_json::json!({ "name": name, "description": what }));
        format!("{}\n", serde_json::Value::from_iter(entries))
    } else {
        scenarios.iter().map(|(name, what)| format!("{name:<16} {what}\n")).collect()
    };
    say(&text)
}

fn print(summary: &Summary, folder: &Path, charts: usize) -> Result<(), Fault> {
    let mut text = String::new();
    for scenario in &summary.scenarios {
        text += &format!("{}\n{}\n\n", table::of(scenario, summary), reports::meaning(scenario));
    }
    let page = folder.join(reports::PAGE_FILE);
    text += &format!(
        "{charts} charts and the files are in {}; open {} first.\n",
        folder.display(),
        page.display()
    );
    say(&text)
}

fn print_json(summary: &Summary) -> Result<(), Fault> {
    let text = serde_json::to_string_pretty(summary).map_err(Fault::failure)?;
    say(&(text + "\n"))
}

/// Prints on stdout. That nobody reads it any more (`| head`) is not a fault.
///
/// # Errors
/// Where it cannot be written for another reason.
pub fn say(text: &str) -> Result<(), Fault> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Fault::failure(error)),
        _ => Ok(()),
    }
}

/// Says something on stderr that is no fault.
fn note(text: std::fmt::Arguments<'_>) {
    // Where stderr is closed, there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "note: {text}");
}
