//! What a log cannot tell, in sentences for the person who reads the result.

use super::events::{Events, Timing};
use super::explain::Verdict;
use limiter_core::Micros;

use super::{Calibration, DemandProcess, Dimension};
use crate::trace::Log;

/// Calls cluster where the number of calls in ten seconds varies so much more than chance has it.
const BURSTS: f64 = 1.5;
/// Explanations that are named at most.
const NAMED: usize = 3;

/// The sentences, the gravest first.
pub(super) fn untold(
    found: &Calibration,
    log: &Log,
    events: &Events,
    verdict: Option<&Verdict>,
) -> Vec<String> {
    let mut said = Vec::new();
    refusals(found, &mut said);
    if let Some(verdict) = verdict {
        rivals(verdict, &mut said);
    }
    records(found, log, events, &mut said);
    window(found, &mut said);
    demand(found, &mut said);
    said
}

fn refusals(found: &Calibration, said: &mut Vec<String>) {
    let refused = found.attempts.refused;
    if refused == 0 {
        said.push(
            "No attempt was refused for a limit: the limits lie somewhere above what was accepted.".into(),
        );
    } else if found.limits.is_empty() {
        said.push(format!(
            "The {refused} refusals for a limit fit no limit: too few of them, a limit that moves all the time, or others \
             on the account. The scenario has no limit."
        ));
    }
    let unexplained: u64 =
        found.limits.iter().flat_map(|limit| &limit.steps).map(|step| step.unexplained).sum();
    if 20 * unexplained > refused && unexplained > 1 {
        said.push(format!(
            "{unexplained} of {refused} refusals came below the limits that were found: others may use the account, or \
             there is a limit that a scenario does not have."
        ));
    }
    for limit in &found.limits {
        let bounds = limit.steps.iter().filter(|step| step.limit.high.is_none()).count();
        if bounds > 0 {
            let of = limit.steps.len();
            said.push(format!(
                "In {bounds} of {of} stretches {} were not refused: the limit there is only known from below.",
                name(limit.dimension)
            ));
        }
    }
    if found.overloads.alone > 0 {
        let alone = found.overloads.alone;
        said.push(format!("{alone} refusals for an overload stood alone and are not in the scenario."));
    }
}

fn rivals(verdict: &Verdict, said: &mut Vec<String>) {
    let best = &verdict.best.rules;
    let mut other: Vec<String> = Vec::new();
    for rival in &verdict.rivals {
        // Whether refused calls count has a line of its own.
        let plain = |rules: &[super::rule::Rule]| {
            rules.iter().map(|rule| (rule.dimension, rule.window.kind, rule.window.span)).collect::<Vec<_>>()
        };
        let names: Vec<_> = rival.rules.iter().map(ToString::to_string).collect();
        let text = names.join(" with ");
        if plain(&rival.rules) != plain(best) && !other.contains(&text) {
            other.push(text);
        }
    }
    if other.is_empty() {
        return;
    }
    let more = other.len().saturating_sub(NAMED);
    other.truncate(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let best: Vec<_> = best.iter().map(ToString::to_string).collect();
    said.push(format!(
        "Not separable: the refusals fit nearly as well a limit on {}{more}. Taken: {}.",
        other.join("; or on "),
        best.join(" with ")
    ));
}

fn records(found: &Calibration, log: &Log, events: &Events, said: &mut Vec<String>) {
    match events.timing {
        Timing::Reached => {}
        Timing::Granted if events.round_trip() > Micros::ZERO => said.push(
            "When attempts reached the provider is taken from `granted_s` and half of what refusals took; a limit of a few \
             calls in flight may be off by one."
                .into(),
        ),
        Timing::Granted => said.push(
            "When attempts reached the provider is taken from `granted_s`, but for the network's delay: a limit of a few \
             calls in flight may be read one too high. Record a `latency_s` of refused attempts, too."
                .into(),
        ),
        Timing::Arrived => said.push(
            "There is no `granted_s`: when attempts were sent is taken from `arrival_s`, so that counts are blurred by \
             all that calls waited."
                .into(),
        ),
    }
    if !events.knows_ends {
        said.push(
            "There is no `latency_s` or `finished_s`: calls in flight cannot be told, nor a limit on them."
                .into(),
        );
    }
    if !events.knows_tokens {
        said.push(
            "There are no `input_tokens` and `output_tokens`: a limit on tokens cannot be told.".into(),
        );
    }
    if found.latency.is_none() {
        said.push("Too few answers have a time: the latency is the default.".into());
    }
    if 100 * found.attempts.timeout > found.attempts.success {
        let timeouts = found.attempts.timeout;
        said.push(format!(
            "{timeouts} calls timed out; how long they would have taken is not in the latency."
        ));
    }
    if events.were_unsorted {
        said.push("Rows were not in the order of sending; they were sorted.".into());
    }
    if log.origin() > limiter_core::Time::ZERO {
        said.push("Arrivals lie years after 0: hours are counted from the first.".into());
    }
    let whole = log.attempts.iter().all(|attempt| attempt.arrival.as_micros() % 1_000_000 == 0);
    if whole && found.hours > 24.0 && found.demand.calls as f64 / found.hours < 36.0 {
        said.push(
            "All arrivals are whole seconds and far apart: if they are milliseconds, divide them by 1,000."
                .into(),
        );
    }
}

fn window(found: &Calibration, said: &mut Vec<String>) {
    let Some(window) = &found.window else { return };
    if window.counts_refused.is_none() {
        said.push("Whether refused calls use up the window cannot be told; taken as in the table.".into());
    }
    if window.kind == "fixed" && window.phase_s > 0.0 {
        said.push(format!(
            "Fixed windows begin at second {:.1} of each {:.0} s; in the scenario they begin at 0.",
            window.phase_s, window.span_s
        ));
    }
}

fn demand(found: &Calibration, said: &mut Vec<String>) {
    let demand = &found.demand;
    if demand.network_ms.is_none() {
        said.push(
            "The network's delay cannot be told without `provider_s`, or a `latency_s` of refused attempts; it is part of the latency, and 0 in \
             the scenario."
                .into(),
        );
    }
    if matches!(demand.process, DemandProcess::Poisson { .. }) {
        let bursts = if demand.dispersion > BURSTS {
            format!(
                "; they come in bursts ({:.1} times as uneven as independent calls), which the scenario does not have, so \
                 that it will show too few refusals",
                demand.dispersion
            )
        } else {
            String::new()
        };
        said.push(format!(
            "Which calls depend on others cannot be told, and arrivals are taken as independent{bursts}. To keep them as \
             recorded, replay them with --trace."
        ));
    }
    said.push("Calls of others on the account cannot be told from a lower limit; none are assumed.".into());
}

/// What is counted, for a sentence.
pub(super) fn name(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Calls => "calls in the window",
        Dimension::Concurrency => "calls in flight",
        Dimension::Tokens => "tokens in the window",
    }
}
