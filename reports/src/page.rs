//! One page with everything, that opens from a disk and asks no network for anything.

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use simulator::results::{ControllerSummary, Estimate, Results, Summary};

use crate::meaning::meaning;
use crate::paired::{Paired, is_clear};
use crate::plan::{Figure, LEAGUE_FILE, ScenarioPlan, has_league, plan};
use crate::{Artifact, ReportError, text};

/// The name of the page.
pub const PAGE_FILE: &str = "report.html";

/// Writes `report.html`: for every scenario what it means, its table, its comparisons and its charts.
///
/// `charts` are those that [`charts`](crate::charts) drew of the same results; one that is missing is left out.
/// Whatever a user named is escaped.
///
/// # Errors
/// [`ReportError::Page`], where the template fails.
pub fn page(results: &Results, charts: &[Artifact]) -> Result<Artifact, ReportError> {
    let scenarios = plan(results).iter().map(|plan| Scenario::new(plan, charts)).collect();
    let drawn = charts.iter().find(|chart| chart.name == LEAGUE_FILE && has_league(results));
    let league = drawn.map(|chart| Picture {
        file: chart.name.clone(),
        data: BASE64_STANDARD.encode(&chart.bytes),
        alt: "Refusals an hour and goodput of every controller in every scenario; the tables below hold the numbers."
            .to_owned(),
        caption: "A good controller lies left of the dashed line in the left panel, and at the oracle's in the right one."
            .to_owned(),
    });
    let page = Page { summary: &results.summary, league, scenarios };
    Ok(Artifact::new(PAGE_FILE, page.render().map_err(ReportError::Page)?.into_bytes()))
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    summary: &'a Summary,
    league: Option<Picture>,
    scenarios: Vec<Scenario<'a>>,
}

struct Scenario<'a> {
    anchor: String,
    name: &'a str,
    extent: String,
    meaning: String,
    rows: Vec<Row<'a>>,
    differences: Vec<Difference<'a>>,
    pictures: Vec<Picture>,
}

struct Row<'a> {
    colour: String,
    name: &'a str,
    hits: Measured,
    episodes: Measured,
    success: Measured,
    of_oracle: Measured,
    goodput: Measured,
    waits: [String; 4],
    highest: String,
    utilisation: String,
    calls: String,
    lost: String,
    overloads: String,
}

/// A number, and its interval where there is one.
struct Measured {
    mean: String,
    interval: Option<String>,
}

struct Difference<'a> {
    controller: &'a str,
    baseline: &'a str,
    hits: Measured,
    goodput: Measured,
    verdict: String,
}

struct Picture {
    file: String,
    data: String,
    alt: String,
    caption: String,
}

impl<'a> Scenario<'a> {
    fn new(plan: &ScenarioPlan<'a>, charts: &[Artifact]) -> Self {
        let scenario = plan.scenario;
        let picture = |file: &str| charts.iter().find(|chart| chart.name == file);
        let pictures = plan.figures.iter().filter_map(|planned| {
            Some(Picture {
                file: planned.file.clone(),
                data: BASE64_STANDARD.encode(&picture(&planned.file)?.bytes),
                alt: alt(plan, planned.figure),
                caption: caption(planned.figure),
            })
        });
        Self {
            anchor: plan.stem.clone(),
            name: &scenario.name,
            extent: plan.extent(),
            meaning: meaning(scenario),
            rows: scenario.controllers.iter().map(|controller| Row::new(plan, controller)).collect(),
            differences: Paired::all(scenario).iter().map(Difference::new).collect(),
            pictures: pictures.collect(),
        }
    }
}

impl<'a> Row<'a> {
    fn new(plan: &ScenarioPlan<'_>, controller: &'a ControllerSummary) -> Self {
        let or_nothing = |text: Option<String>| text.unwrap_or_else(|| text::NOTHING.to_owned());
        let waits = controller.added_wait_s;
        let limit = controller.highest_limit_calls.map(text::count);
        Self {
            colour: plan.look(&controller.name).ink.hex(),
            name: &controller.name,
            hits: Measured::rate(&controller.hits_per_hour),
            episodes: Measured::rate(&controller.episodes_per_hour),
            success: Measured {
                mean: or_nothing(controller.success_rate.map(text::share)),
                interval: controller
                    .success_rate_ci95
                    .map(|[low, high]| format!("{} – {}", text::share(low), text::share(high))),
            },
            of_oracle: Measured {
                mean: or_nothing(controller.goodput_vs_oracle.map(text::ratio)),
                interval: controller
                    .goodput_vs_oracle_ci95
                    .map(|[low, high]| format!("{} – {}", text::ratio(low), text::ratio(high))),
            },
            goodput: Measured::rate(&controller.goodput_per_minute),
            waits: [waits.p50, waits.p95, waits.p99, waits.max].map(text::seconds),
            highest: format!("{} / {}", or_nothing(limit), text::count(controller.highest_in_flight)),
            utilisation: or_nothing(controller.utilisation.map(text::rough_share)),
            calls: text::count(controller.calls),
            lost: text::count(controller.lost),
            overloads: text::count(controller.overloads),
        }
    }
}

impl Measured {
    fn rate(estimate: &Estimate) -> Self {
        Self { mean: text::rate(estimate.mean), interval: text::interval(estimate) }
    }

    fn difference(estimate: &Estimate) -> Self {
        let interval = estimate
            .ci95
            .map(|[low, high]| format!("{} to {}", text::difference(low), text::difference(high)));
        Self { mean: text::difference(estimate.mean), interval }
    }
}

impl<'a> Difference<'a> {
    fn new(paired: &Paired<'a>) -> Self {
        Self {
            controller: &paired.ours.name,
            baseline: &paired.other.name,
            hits: Measured::difference(&paired.hits),
            goodput: Measured::difference(&paired.goodput),
            verdict: match (verdict(&paired.hits), verdict(&paired.goodput)) {
                (Some(hits), Some(goodput)) => format!("{} refusals, {} goodput", hits.0, goodput.1),
                _ => "too little to say".to_owned(),
            },
        }
    }
}

/// In the words for what is counted, and for what is measured; `None` without an interval.
fn verdict(difference: &Estimate) -> Option<(&'static str, &'static str)> {
    Some(match is_clear(difference)? {
        false => ("as many", "as much"),
        true if difference.mean < 0.0 => ("fewer", "less"),
        true => ("more", "more"),
    })
}

/// The chart in words, for whoever cannot see it.
fn alt(plan: &ScenarioPlan<'_>, figure: Figure<'_>) -> String {
    let hits = |controller: &ControllerSummary| {
        format!("{} {} refusals an hour", controller.name, text::rate(controller.hits_per_hour.mean))
    };
    let all = |say: &dyn Fn(&ControllerSummary) -> String| {
        plan.scenario.controllers.iter().map(say).collect::<Vec<_>>().join("; ")
    };
    match figure {
        Figure::BeforeAfter { before, after } => format!(
            "Bar charts of refusals over the run, on one scale: {} without a limiter, {} with {}.",
            text::rate(before.hits_per_hour.mean),
            text::rate(after.hits_per_hour.mean),
            after.name
        ),
        Figure::Controllers => format!(
            "Refusals, goodput and added wait of each controller: {}.",
            all(&|controller| format!(
                "{}, goodput {} a minute, added wait p95 {}",
                hits(controller),
                text::rate(controller.goodput_per_minute.mean),
                text::seconds(controller.added_wait_s.p95)
            ))
        ),
        Figure::Differences => format!(
            "Paired differences in refusals an hour: {}.",
            Paired::all(plan.scenario)
                .iter()
                .map(|paired| format!(
                    "{} less {} {}",
                    paired.ours.name,
                    paired.other.name,
                    text::difference(paired.hits.mean)
                ))
                .collect::<Vec<_>>()
                .join("; ")
        ),
        Figure::Adjustments { controller, adjustments, .. } => format!(
            "What {} did with its limits in one replication, and why, in {}.",
            controller.name,
            text::counted(adjustments.changes.len() as u64, "change")
        ),
        Figure::Waits => format!(
            "Distribution of the added wait of each controller: {}.",
            all(&|controller| format!(
                "{} median {}, p95 {}",
                controller.name,
                text::seconds(controller.added_wait_s.p50),
                text::seconds(controller.added_wait_s.p95)
            ))
        ),
        Figure::Timeline { controller, timeline } => format!(
            "Limits, calls and refusals under {} over {} minutes of one replication, with {} in all.",
            controller.name,
            text::count(timeline.minutes.len() as u64),
            text::counted(timeline.minutes.iter().map(|minute| u64::from(minute.hits)).sum(), "refusal")
        ),
    }
}

fn caption(figure: Figure<'_>) -> String {
    match figure {
        Figure::BeforeAfter { after, .. } => {
            format!(
                "What a service sees without a limiter, and with {}. Both panels have the same scale.",
                after.name
            )
        }
        Figure::Controllers => {
            "Fewer refusals are worth little if calls wait or go missing for them: the three \
                                belong together."
                .to_owned()
        }
        Figure::Differences => {
            "Who is better on the same calls, and whether these runs can tell. Dots right of the line: \
                                more than the other."
                .to_owned()
        }
        Figure::Adjustments { controller, .. } => {
            format!(
                "What {} did at each moment, and for which reason: adjustments.csv holds all of it.",
                controller.name
            )
        }
        Figure::Waits => {
            "How long calls wait for a permit or a retry. The further up and left, the better.".to_owned()
        }
        Figure::Timeline { controller, .. } => format!(
            "How {} follows the provider: its limit against the true one, and where it was refused.",
            controller.name
        ),
    }
}
