//! A calibration as rows to read: each parameter, its estimate, and what speaks for it.

use serde::Serialize;

use super::{Calibration, DemandProcess, Dimension, Interval, LogNormalModel};

/// What was found of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The scenario's key, and from when on.
    pub parameter: String,
    /// The estimate, as it is written.
    pub estimate: String,
    /// `low – high`, or `at least low`; empty where there is no number.
    pub interval: String,
    /// What it is learned from.
    pub evidence: String,
}

impl Calibration {
    /// A row for each parameter, in the order of a scenario's keys.
    pub fn findings(&self) -> Vec<Finding> {
        let mut rows = Vec::new();
        self.provider_rows(&mut rows);
        self.overload_rows(&mut rows);
        self.latency_rows(&mut rows);
        self.demand_rows(&mut rows);
        rows
    }

    fn provider_rows(&self, rows: &mut Vec<Finding>) {
        let refused = self.attempts.refused;
        if let Some(window) = &self.window {
            let evidence = format!("fits {} best", counted(refused, "refusal"));
            rows.push(row("window", format!("{}, {} s", window.kind, number(window.span_s)), "", &evidence));
            let (estimate, evidence) = match window.counts_refused {
                Some(counts) => (if counts { "yes" } else { "no" }, evidence.as_str()),
                None => ("no", "cannot be told"),
            };
            rows.push(row("counts_refused", estimate.to_owned(), "", evidence));
        }
        for limit in &self.limits {
            for (index, step) in limit.steps.iter().enumerate() {
                let hour = &step.from_hour;
                let from = match index {
                    0 => String::new(),
                    _ => format!(" from hour {}{}", number(hour.estimate), about(hour)),
                };
                let mut evidence = counted(step.refusals, "refusal");
                if step.unexplained > 0 {
                    evidence += &format!(", {} below it", step.unexplained);
                }
                if step.accepted_over > 0 {
                    evidence += &format!(", {} accepted over it", step.accepted_over);
                }
                rows.push(of(&format!("{}{from}", key(limit.dimension)), &step.limit, &evidence));
            }
        }
        for (dimension, most) in &self.unlimited {
            rows.push(of(
                key(*dimension),
                &Interval::at_least(*most as f64),
                "no refusal for it; none in the scenario",
            ));
        }
        if let Some(softness) = &self.soft_wall {
            let over: u64 =
                self.limits.iter().flat_map(|limit| &limit.steps).map(|step| step.accepted_over).sum();
            let evidence = format!("{} accepted over a limit, {} refused", count(over), count(refused));
            if softness.estimate == 0.0 {
                rows.push(row("soft_wall", "0 (hard)".to_owned(), "", &evidence));
            } else {
                rows.push(of("soft_wall", softness, &evidence));
            }
        }
    }

    fn overload_rows(&self, rows: &mut Vec<Finding>) {
        for period in &self.overloads.periods {
            let minutes = (period.until_hour.estimate - period.from_hour.estimate) * 60.0;
            let parameter =
                format!("overload at hour {}, {} min", number(period.from_hour.estimate), number(minutes));
            rows.push(of(&parameter, &period.refuse, &counted(period.refused, "overload refusal")));
        }
    }

    fn latency_rows(&self, rows: &mut Vec<Finding>) {
        let Some(latency) = &self.latency else { return };
        let evidence = counted(latency.answers, "answer");
        rows.push(of("latency.base_s", &latency.base_s, &evidence));
        if let Some(speed) = &latency.tokens_per_s {
            rows.push(of("latency.tokens_per_s", speed, &evidence));
        }
        rows.push(of("latency.sigma", &latency.sigma, &evidence));
    }

    fn demand_rows(&self, rows: &mut Vec<Finding>) {
        let demand = &self.demand;
        let calls = counted(demand.calls, "call");
        match &demand.process {
            DemandProcess::Saturated { workers, think_s } => {
                rows.push(row("workers", count(u64::from(*workers)), "", "a call follows each end"));
                rows.push(of("think_s", think_s, &calls));
            }
            DemandProcess::Poisson { steps } => {
                for (index, step) in steps.iter().enumerate() {
                    let from =
                        if index == 0 { String::new() } else { format!(" from hour {}", step.from_hour) };
                    rows.push(of(&format!("calls_per_hour{from}"), &step.calls_per_hour, &calls));
                }
            }
        }
        let mut spread = |name: &str, model: &Option<LogNormalModel>| {
            if let Some(model) = model {
                rows.push(of(name, &model.median, &format!("median; sigma {:.2}", model.sigma)));
            }
        };
        spread("input_tokens", &demand.input_tokens);
        spread("output_tokens", &demand.output_tokens);
        spread("network_delay_ms", &demand.network_ms);
        if let Some(deadline) = demand.deadline_s {
            rows.push(row("deadline_s", number(deadline), "", &counted(self.attempts.timeout, "timeout")));
        }
    }
}

/// The scenario's key for a limit.
pub(super) fn key(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Calls => "calls_per_minute",
        Dimension::Concurrency => "concurrency",
        Dimension::Tokens => "tokens_per_minute",
    }
}

/// Four digits, or all of a whole number: what a limit or a rate is read with.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value.fract() == 0.0 || size >= 1e4 {
        return format!("{value:.0}");
    }
    let digits = if size >= 100.0 {
        1
    } else if size >= 10.0 {
        2
    } else {
        3
    };
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn of(parameter: &str, interval: &Interval, evidence: &str) -> Finding {
    let (estimate, between) = match interval.high {
        Some(high) if high == interval.low => (number(interval.estimate), "exact".to_owned()),
        Some(high) => (number(interval.estimate), format!("{} – {}", number(interval.low), number(high))),
        None => ("–".to_owned(), format!("at least {}", number(interval.low))),
    };
    row(parameter, estimate, &between, evidence)
}

fn row(parameter: &str, estimate: String, interval: &str, evidence: &str) -> Finding {
    Finding {
        parameter: parameter.to_owned(),
        estimate,
        interval: interval.to_owned(),
        evidence: evidence.to_owned(),
    }
}

/// How far off an hour may be, where that is more than half a minute.
fn about(hour: &Interval) -> String {
    let high = hour.high.unwrap_or(hour.low);
    if high - hour.low < 1.0 / 60.0 {
        String::new()
    } else {
        format!(" ({} – {})", number(hour.low), number(high))
    }
}

fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", self::count(count), if count == 1 { "" } else { "s" })
}

fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_what_carries_meaning() {
        let read = [60.0, 6.000_4, 18.253, 60_123.4, 0.298_7, 123.456].map(number);
        assert_eq!(read, ["60", "6", "18.25", "60123", "0.299", "123.5"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_bound_is_no_estimate() {
        let row = of("concurrency", &Interval::at_least(7.0), "");
        assert_eq!((row.estimate.as_str(), row.interval.as_str()), ("–", "at least 7"));
    }
}
