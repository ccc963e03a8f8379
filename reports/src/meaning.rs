//! What a scenario's numbers amount to, in one sentence.

use simulator::results::{ControllerSummary, ScenarioSummary};

use crate::paired::{Paired, is_clear};
use crate::text;
use crate::worse::worse_than_none;

const UNLIMITED: &str = "none";
pub(crate) const ORACLE: &str = "oracle";
/// Where the oracle serves less than this share of the calls, demand is more than the provider allows.
const ENOUGH: f64 = 0.9;

/// A sentence or a few that say what a scenario's results mean, whichever controllers were run.
///
/// It speaks of refusals, of the success that they cost, and of the wait that avoiding them adds, never of one
/// alone; where two controllers are compared it says if the runs cannot tell them apart; and it names every limiter
/// that did worse than none.
pub fn meaning(scenario: &ScenarioSummary) -> String {
    let hours = text::length(counted_hours(scenario));
    let Some(first) = scenario.controllers.first() else {
        return "No controller was run, so there is nothing to compare.".to_owned();
    };
    if scenario.controllers.iter().all(|controller| controller.calls == 0) {
        return format!("No call was made in the {hours} that count, so there is nothing to compare.");
    }
    let sentence = match (unlimited(scenario), subject(scenario)) {
        (Some(before), Some(after)) => compared(scenario, before, after),
        (None, Some(after)) => format!("{}.", alone(&format!("With {}", after.name), after)),
        (Some(before), None) => format!("{}.", alone("Without a limiter", before)),
        (None, None) => {
            format!(
                "{}.",
                alone(&format!("With the {}, which knows the provider's limits,", first.name), first)
            )
        }
    };
    sentence + &worse_than_none(scenario) + &overloaded(scenario) + &demanding(scenario)
}

/// What the platform itself refused, which no limit avoids.
fn overloaded(scenario: &ScenarioSummary) -> String {
    let hours = counted_hours(scenario);
    let an_hour = |controller: &ControllerSummary| {
        controller.overloads as f64 / (hours * f64::from(controller.replications.max(1)))
    };
    let refused = scenario.controllers.iter().filter(|controller| controller.overloads > 0);
    let each: Vec<_> = refused
        .map(|controller| format!("{} {}", controller.name, text::rate(an_hour(controller))))
        .collect();
    match each.as_slice() {
        [] => String::new(),
        each => format!(" Besides, the platform refused for overload (1305), an hour: {}.", each.join(", ")),
    }
}

/// A word of warning where nobody could have served all these calls.
fn demanding(scenario: &ScenarioSummary) -> String {
    let oracle = scenario.controllers.iter().find(|controller| controller.name == ORACLE);
    match oracle.and_then(|oracle| oracle.success_rate).filter(|share| *share < ENOUGH) {
        Some(share) => format!(
            " Demand is beyond what the provider allows: even the oracle, which knows its limits, ends {} of the \
             calls well.",
            text::share(share)
        ),
        None => String::new(),
    }
}

/// The run without any limiter: the "before".
pub(crate) fn unlimited(scenario: &ScenarioSummary) -> Option<&ControllerSummary> {
    scenario.controllers.iter().find(|controller| controller.name == UNLIMITED)
}

/// The controller that a report is about: ours where it was run, else the first that could be run in production.
pub(crate) fn subject(scenario: &ScenarioSummary) -> Option<&ControllerSummary> {
    let named = |name: &str| scenario.controllers.iter().find(|controller| controller.name == name);
    named("predictive").or_else(|| named("aimd")).or_else(|| {
        scenario
            .controllers
            .iter()
            .find(|controller| ![UNLIMITED, ORACLE].contains(&controller.name.as_str()))
    })
}

/// The hours that the statistics speak of.
pub(crate) fn counted_hours(scenario: &ScenarioSummary) -> f64 {
    (scenario.hours - scenario.warmup_hours).max(0.0)
}

fn compared(scenario: &ScenarioSummary, before: &ControllerSummary, after: &ControllerSummary) -> String {
    let success = match (after.success_rate, before.success_rate) {
        (Some(with), Some(without)) => {
            format!("{} of calls succeed against {}", text::share(with), text::share(without))
        }
        _ => "too few calls to compare how many succeed".to_owned(),
    };
    let difference = Paired::of(scenario, after, before);
    let doubt = match difference.and_then(|difference| is_clear(&difference.hits)) {
        Some(false) if before.hits_per_hour.mean != after.hits_per_hour.mean => {
            " (a difference that these runs cannot tell from chance)"
        }
        _ => "",
    };
    format!(
        "With {}, {} refusals an hour{} against {} without a limiter{doubt}, and {success}; {}.",
        after.name,
        text::rate(after.hits_per_hour.mean),
        aside(after),
        text::rate(before.hits_per_hour.mean),
        price(after),
    )
}

fn alone(opening: &str, controller: &ControllerSummary) -> String {
    let success = match controller.success_rate {
        Some(share) => format!("{} of calls succeed", text::share(share)),
        None => "no call was made".to_owned(),
    };
    format!(
        "{opening} {} refusals an hour{}, and {success}; {}",
        text::rate(controller.hits_per_hour.mean),
        aside(controller),
        price(controller),
    )
}

fn aside(controller: &ControllerSummary) -> String {
    text::interval(&controller.hits_per_hour)
        .map_or_else(String::new, |interval| format!(" (95% interval {interval})"))
}

fn price(controller: &ControllerSummary) -> String {
    let waits = controller.added_wait_s;
    let wait = if waits.max <= 0.0 {
        "no call waits".to_owned()
    } else {
        let median = match waits.p50 {
            wait if wait > 0.0 => format!("waits {} longer", text::seconds(wait)),
            _ => "does not wait".to_owned(),
        };
        format!("the median call {median}, one in twenty {} or more", text::seconds(waits.p95))
    };
    match controller.goodput_vs_oracle {
        Some(ratio) => format!("{wait}, at {} of the oracle's goodput", text::share(ratio)),
        None => wait,
    }
}

#[cfg(test)]
mod tests {
    use simulator::results::{Estimate, PairedDifference, WaitSummary};

    use super::*;

    #[test]
    fn names_both_sides_and_the_price() {
        let scenario = scenario(vec![controller("none", 7.31, 0.9712), controller("aimd", 0.41, 0.9993)]);
        assert_eq!(
            meaning(&scenario),
            "With aimd, 0.41 refusals an hour (95% interval 0.31 – 0.51) against 7.31 without a limiter, and 99.93% \
             of calls succeed against 97.12%; the median call waits 40 ms longer, one in twenty 3.2 s or \
             more, at 99.00% of the oracle's goodput."
        );
    }

    #[test]
    fn prefers_predictive_and_admits_doubt() {
        let mut scenario = scenario(vec![
            controller("none", 1.0, 0.99),
            controller("aimd", 0.5, 0.99),
            controller("predictive", 0.9, 0.99),
        ]);
        let between = |low, high| Estimate { mean: -0.1, ci95: Some([low, high]) };
        scenario.differences = vec![PairedDifference {
            controller: "predictive".to_owned(),
            baseline: "none".to_owned(),
            hits_per_hour: between(-0.3, 0.1),
            goodput_per_minute: between(-0.3, 0.1),
        }];
        let sentence = meaning(&scenario);
        assert!(sentence.starts_with("With predictive, 0.90 refusals"), "{sentence}");
        assert!(sentence.contains("cannot tell from chance"), "{sentence}");
    }

    #[test]
    fn every_set_of_controllers_has_its_sentence() {
        let said = |names: &[&str]| {
            meaning(&scenario(names.iter().map(|name| controller(name, 2.0, 0.98)).collect()))
        };
        assert!(said(&["none"]).starts_with("Without a limiter 2.00 refusals an hour"));
        assert!(said(&["oracle"]).starts_with("With the oracle, which knows the provider's limits, 2.00"));
        assert!(said(&["none", "oracle"]).starts_with("Without a limiter 2.00"));
        assert!(said(&["oracle", "inspect"]).starts_with("With inspect 2.00"));
        assert!(said(&["none", "fixed"]).contains("against 2.00 without a limiter, and 98.00%"));
        assert_eq!(said(&[]), "No controller was run, so there is nothing to compare.");
    }

    #[test]
    fn without_a_call_nothing_is_claimed() {
        let mut idle = controller("none", 0.0, 1.0);
        (idle.calls, idle.success_rate) = (0, None);
        let mut scenario = scenario(vec![idle]);
        scenario.warmup_hours = 1.0;
        assert_eq!(
            meaning(&scenario),
            "No call was made in the 23 h that count, so there is nothing to compare."
        );
    }

    fn scenario(controllers: Vec<ControllerSummary>) -> ScenarioSummary {
        let name = "knowledge-base".to_owned();
        ScenarioSummary { name, hours: 24.0, warmup_hours: 0.0, controllers, differences: Vec::new() }
    }

    fn controller(name: &str, hits: f64, success: f64) -> ControllerSummary {
        let estimate = |mean: f64| Estimate { mean, ci95: Some([mean - 0.1, mean + 0.1]) };
        ControllerSummary {
            name: name.to_owned(),
            replications: 30,
            calls: 180_000,
            attempts: 181_000,
            hits: 300,
            overloads: 0,
            lost: 20,
            hits_per_hour: estimate(hits),
            episodes_per_hour: estimate(hits / 2.0),
            success_rate: Some(success),
            success_rate_ci95: None,
            goodput_per_minute: estimate(4.0),
            goodput_vs_oracle: Some(0.99),
            goodput_vs_oracle_ci95: None,
            added_wait_s: WaitSummary { p50: 0.04, p95: 3.2, p99: 9.0, max: 31.0 },
            utilisation: None,
            highest_limit_calls: Some(60),
            highest_in_flight: 5,
        }
    }
}
