//! What the arguments ask for, as types that cannot be wrong.

use std::path::Path;

use limiter_core::{Micros, Time};
use simulator::Contender;
use simulator::scenario::{Scenario, builtin};
use simulator::trace::{Format, Trace, TraceError};

use crate::console::note;
use crate::fault::Fault;

/// The controllers of a list.
///
/// # Errors
/// Where it names one that there is not.
pub fn contenders(names: &str) -> Result<Vec<Contender>, Fault> {
    if names.trim() == "all" {
        return Ok(Contender::all().collect());
    }
    let mut chosen = Vec::new();
    for name in names.split(',').map(str::trim) {
        let contender = name.parse().map_err(Fault::call)?;
        if chosen.contains(&contender) {
            note(format_args!("--controllers names '{contender}' twice: it is run once"));
        } else {
            chosen.push(contender);
        }
    }
    Ok(chosen)
}

/// A trace's format; `None` tells it by content.
///
/// # Errors
/// Where there is no such format.
pub fn format(name: &str) -> Result<Option<Format>, Fault> {
    if name == "auto" { Ok(None) } else { name.parse().map(Some).map_err(Fault::call) }
}

/// A trace's file, checked from end to end.
///
/// # Errors
/// Where there is none, or a row of it cannot be.
pub fn trace(path: &Path, format: Option<Format>) -> Result<Trace, Fault> {
    Trace::open(path, format).map_err(|error| match error {
        TraceError::NotFound { .. } | TraceError::NotAFile { .. } => Fault::call(error),
        _ => Fault::failure(error),
    })
}

/// The scenarios of those names; the headline scenario, where there are none.
///
/// # Errors
/// Where there is none of a name, its file holds none, or two have one name.
pub fn scenarios(names: &[String]) -> Result<Vec<Scenario>, Fault> {
    let headline = builtin::all().next().map(|(name, _)| name.to_owned());
    let names = if names.is_empty() { headline.as_slice() } else { names };
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            note(format_args!("--scenario names '{name}' twice: it is run once"));
            continue;
        }
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
    parse(name, &scenario_text(name)?)
}

/// The text of that scenario, which may hold none.
///
/// # Errors
/// Where there is neither.
pub fn scenario_text(name: &str) -> Result<String, Fault> {
    let path = Path::new(name);
    let is_path = path.extension().is_some() || path.components().count() > 1 || path.is_file();
    match builtin::find(name) {
        Ok(text) => Ok(text.to_owned()),
        Err(unknown) if !is_path => Err(Fault::call(unknown)),
        Err(_) => std::fs::read_to_string(path).map_err(|error| {
            Fault::call(anyhow::anyhow!(
                "cannot read the scenario {name}: {error}; give a TOML file, or a name of --scenario list"
            ))
        }),
    }
}

fn parse(origin: &str, text: &str) -> Result<Scenario, Fault> {
    Scenario::parse(origin, text).map_err(Fault::call)
}

/// The horizon that was asked for; else a trace's own length; else the scenario's.
///
/// # Errors
/// Where that is no horizon, or leaves nothing to measure.
pub fn set_horizon(scenario: &mut Scenario, hours: Option<f64>, trace: Option<&Trace>) -> Result<(), Fault> {
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
            "--hours {hours:?} must be above 0 and at most {MOST} (a year)"
        )));
    }
    Ok(horizon)
}
