//! A calibration as a scenario file, with what speaks for each value beside it.

use std::fmt::Write;

use super::finding::{key, number};
use super::{Calibration, DemandProcess, Interval, Limit, LogNormalModel};

/// The longest name and the longest horizon that a scenario may have.
const LONGEST_NAME: usize = 100;
const LONGEST_HOURS: f64 = 8_784.0;

impl Calibration {
    /// The text of a scenario file, called `name`, that `Scenario::parse` takes.
    pub fn scenario(&self, name: &str) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&plain(name), &mut text);
        text
    }

    fn write(&self, name: &str, out: &mut String) -> std::fmt::Result {
        let attempts = &self.attempts;
        writeln!(out, "# Calibrated on a log of {} attempts over {} h,", self.total(), number(self.hours))?;
        writeln!(
            out,
            "# {} of them refused for a limit and {} for an overload.",
            attempts.refused, attempts.overload
        )?;
        if !self.untold.is_empty() {
            writeln!(out, "#\n# What the log could not tell:")?;
        }
        for sentence in &self.untold {
            wrapped(sentence, out)?;
        }
        let hours = self.hours.max(0.001);
        writeln!(out, "\nname = \"{name}\"\ndescription = \"Calibrated on recorded calls.\"")?;
        writeln!(out, "hours = {}", decimals((hours * 1e4).ceil() / 1e4).min(LONGEST_HOURS))?;
        self.write_arrivals(out)?;
        self.write_clients(out)?;
        self.write_provider(out)
    }

    fn total(&self) -> u64 {
        let attempts = &self.attempts;
        attempts.success + attempts.refused + attempts.overload + attempts.timeout + attempts.failed
    }

    fn write_arrivals(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n[arrivals]")?;
        match &self.demand.process {
            DemandProcess::Saturated { workers, think_s } => {
                writeln!(out, "process = \"saturated\"\nworkers = {workers}")?;
                writeln!(out, "think_s = {}{}", decimals(think_s.estimate), told(think_s))?;
            }
            DemandProcess::Poisson { steps } => {
                writeln!(out, "process = \"poisson\"")?;
                let steps: Vec<_> = steps
                    .iter()
                    .map(|step| (step.from_hour, decimals(step.calls_per_hour.estimate)))
                    .collect();
                write_steps("calls_per_hour", &steps, out)?;
            }
        }
        write_log_normal("input_tokens", self.demand.input_tokens.as_ref(), 1.0, out)?;
        write_log_normal("output_tokens", self.demand.output_tokens.as_ref(), 1.0, out)
    }

    fn write_clients(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n[clients]")?;
        match &self.demand.network_ms {
            Some(network) => write_log_normal("network_delay_ms", Some(network), 0.0, out)?,
            None => writeln!(out, "network_delay_ms = {{ median = 0, sigma = 0 }}    # within the latency")?,
        }
        match self.demand.deadline_s {
            Some(deadline) => writeln!(out, "deadline_s = {}", decimals(deadline.min(86_400.0))),
            None => Ok(()),
        }
    }

    fn write_provider(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n[provider]")?;
        if let Some(window) = &self.window {
            writeln!(out, "window = \"{}\"\nwindow_s = {}", window.kind, window.span_s)?;
        }
        for limit in &self.limits {
            write_limit(limit, out)?;
        }
        for (dimension, most) in &self.unlimited {
            writeln!(out, "# {}: no limit was felt; at least {most} were accepted", key(*dimension))?;
        }
        if let Some(softness) = &self.soft_wall {
            writeln!(out, "soft_wall = {}{}", decimals(softness.estimate), told(softness))?;
        }
        if let Some(window) = &self.window {
            let doubt = if window.counts_refused.is_none() { "    # cannot be told" } else { "" };
            writeln!(out, "counts_refused = {}{doubt}", window.counts_refused.unwrap_or(false))?;
        }
        if let Some(latency) = &self.latency {
            // Without tokens all answers take equally long, but for chance.
            let speed = latency.tokens_per_s.map_or(1e9, |speed| speed.estimate.min(1e9));
            writeln!(
                out,
                "latency = {{ base_s = {}, tokens_per_s = {}, sigma = {} }}",
                decimals(latency.base_s.estimate.min(86_400.0)),
                decimals(speed),
                decimals(latency.sigma.estimate.min(5.0))
            )?;
        }
        let mut earliest = 0.0_f64;
        for period in &self.overloads.periods {
            // Rounded so that two never overlap.
            let from = decimals(period.from_hour.estimate).max(earliest);
            let minutes = decimals(((period.until_hour.estimate - from) * 60.0).max(0.01));
            earliest = from + minutes / 60.0 + 1e-6;
            writeln!(out, "\n[[provider.overload]]\nat_hour = {from}\nminutes = {minutes}")?;
            writeln!(out, "refuse = {}{}", decimals(period.refuse.estimate), told(&period.refuse))?;
        }
        Ok(())
    }
}

fn write_limit(limit: &Limit, out: &mut String) -> std::fmt::Result {
    for step in &limit.steps {
        let hour = number(step.from_hour.estimate);
        let bound = match step.limit.high {
            Some(high) => format!("{} to {} (95%)", number(step.limit.low), number(high)),
            None => format!("at least {}", number(step.limit.low)),
        };
        writeln!(
            out,
            "# {} from hour {hour}: {bound}, from {} refusals",
            key(limit.dimension),
            step.refusals
        )?;
    }
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for step in &limit.steps {
        let value = step.limit.estimate.round().max(1.0);
        let hour = (step.from_hour.estimate * 1e4).round() / 1e4;
        match steps.last_mut() {
            Some((_, last)) if *last == value => {}
            Some((from, last)) if *from >= hour => *last = value,
            _ => steps.push((hour, value)),
        }
    }
    write_steps(key(limit.dimension), &steps, out)
}

fn write_steps(key: &str, steps: &[(f64, f64)], out: &mut String) -> std::fmt::Result {
    match steps {
        [(_, value)] => writeln!(out, "{key} = {value}"),
        steps => {
            writeln!(out, "{key} = [")?;
            for (hour, value) in steps {
                writeln!(out, "    [{hour}, {value}],")?;
            }
            writeln!(out, "]")
        }
    }
}

fn write_log_normal(
    key: &str,
    model: Option<&LogNormalModel>,
    least: f64,
    out: &mut String,
) -> std::fmt::Result {
    let Some(model) = model else { return Ok(()) };
    let median = decimals(model.median.estimate).max(least);
    writeln!(out, "{key} = {{ median = {median}, sigma = {} }}", decimals(model.sigma.min(5.0)))
}

/// Four decimals: more than a log tells, of anything.
fn decimals(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// The interval, as a comment.
fn told(interval: &Interval) -> String {
    match interval.high {
        Some(high) if high > interval.low => {
            format!("    # {} to {} (95%)", number(interval.low), number(high))
        }
        _ => String::new(),
    }
}

/// A name that a scenario may have, and that needs no escape in TOML.
fn plain(name: &str) -> String {
    let allowed = |character: char| character.is_alphanumeric() || "-_. ".contains(character);
    let name: String =
        name.chars().map(|character| if allowed(character) { character } else { '-' }).collect();
    let name: String = name.chars().take(LONGEST_NAME).collect();
    if name.is_empty() { "calibrated".to_owned() } else { name }
}

fn wrapped(sentence: &str, out: &mut String) -> std::fmt::Result {
    const COLUMNS: usize = 100;
    let mut line = String::from("# -");
    for word in sentence.split_whitespace() {
        if line.chars().count() + word.chars().count() >= COLUMNS {
            writeln!(out, "{line}")?;
            line = String::from("#  ");
        }
        line.push(' ');
        line += word;
    }
    writeln!(out, "{line}")
}
