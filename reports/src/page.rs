//! One page with everything, that opens from a disk and asks no network for anything.

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use simulator::results::{ControllerSummary, Estimate, PairedDifference, Results, Summary};

use crate::meaning::{is_clear, meaning};
use crate::plan::{Figure, ScenarioPlan, plan};
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
    let page = Page { summary: &results.summary, scenarios };
    Ok(Artifact::new(PAGE_FILE, page.render().map_err(ReportError::Page)?.into_bytes()))
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    summary: &'a Summary,
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
    of_oracle: String,
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
    verdict: &'static str,
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
            differences: scenario.differences.iter().map(Difference::new).collect(),
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
            of_oracle: or_nothing(controller.goodput_vs_oracle.map(text::ratio)),
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
    fn new(difference: &'a PairedDifference) -> Self {
        let verdict = match is_clear(difference) {
            None => "too little to say",
            Some(false) => "not told apart",
            Some(true) if difference.hits_per_hour.mean < 0.0 => "fewer refusals",
            Some(true) => "more refusals",
        };
        Self {
            controller: &difference.controller,
            baseline: &difference.baseline,
            hits: Measured::difference(&difference.hits_per_hour),
            goodput: Measured::difference(&difference.goodput_per_minute),
            verdict,
        }
    }
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
        Figure::Waits => {
            "How long calls wait for a permit or a retry. The further up and left, the better.".to_owned()
        }
        Figure::Timeline { controller, .. } => format!(
            "How {} follows the provider: its limit against the true one, and where it was refused.",
            controller.name
        ),
    }
}
