//! Which charts there are for some results, and what their files are called.
//!
//! The charts and the page both follow this plan, so that they agree without handing names around.

use std::collections::{BTreeMap, BTreeSet};

use simulator::results::{Adjustments, ControllerSummary, Results, ScenarioSummary, Timeline, WaitCurve};

use crate::export::{ADJUSTMENTS_FILE, SUMMARY_FILE, TIMELINE_FILE, WAITS_FILE};
use crate::meaning::{counted_hours, subject, unlimited};
use crate::page::PAGE_FILE;
use crate::paired::Paired;
use crate::palette::{Look, look};
use crate::text;

/// The chart of all scenarios.
pub(crate) const LEAGUE_FILE: &str = "league.png";

/// Whether there are scenarios to be compared.
pub(crate) fn has_league(results: &Results) -> bool {
    let with_controllers =
        results.summary.scenarios.iter().filter(|scenario| !scenario.controllers.is_empty());
    with_controllers.count() > 1
}

/// One scenario with the series that belong to it, and the charts to be drawn.
pub(crate) struct ScenarioPlan<'a> {
    pub scenario: &'a ScenarioSummary,
    pub seed: u64,
    /// The beginning of the names of its files.
    pub stem: String,
    pub figures: Vec<Planned<'a>>,
    timelines: BTreeMap<&'a str, Vec<&'a Timeline>>,
    waits: BTreeMap<&'a str, &'a WaitCurve>,
    adjustments: Vec<&'a Adjustments>,
}

/// A chart and its file.
pub(crate) struct Planned<'a> {
    pub file: String,
    pub figure: Figure<'a>,
}

/// A chart that the data allow.
#[derive(Clone, Copy)]
pub(crate) enum Figure<'a> {
    BeforeAfter { before: &'a ControllerSummary, after: &'a ControllerSummary },
    Controllers,
    Differences,
    Waits,
    Adjustments { controller: &'a ControllerSummary, timeline: &'a Timeline, adjustments: &'a Adjustments },
    Timeline { controller: &'a ControllerSummary, timeline: &'a Timeline },
}

/// The charts for these results, scenario by scenario.
pub(crate) fn plan(results: &Results) -> Vec<ScenarioPlan<'_>> {
    let mut timelines: BTreeMap<(&str, &str), Vec<&Timeline>> = BTreeMap::new();
    for timeline in results.timelines.iter().filter(|timeline| !timeline.minutes.is_empty()) {
        timelines.entry((&timeline.scenario, &timeline.controller)).or_default().push(timeline);
    }
    let mut stems = Names::default();
    let mut files = Names::default();
    let mut plans = Vec::new();
    for scenario in &results.summary.scenarios {
        let mut plan = ScenarioPlan {
            scenario,
            seed: results.summary.seed,
            stem: stems.claim(&safe(&scenario.name), ""),
            figures: Vec::new(),
            timelines: BTreeMap::new(),
            waits: BTreeMap::new(),
            adjustments: results.adjustments.iter().filter(|one| one.scenario == scenario.name).collect(),
        };
        for controller in &scenario.controllers {
            if let Some(own) = timelines.get(&(scenario.name.as_str(), controller.name.as_str())) {
                plan.timelines.insert(&controller.name, own.clone());
            }
        }
        let curves =
            results.waits.iter().filter(|curve| curve.scenario == scenario.name && !curve.points.is_empty());
        plan.waits = curves.map(|curve| (curve.controller.as_str(), curve)).collect();
        plan.figures = plan.figures(&mut files);
        plans.push(plan);
    }
    plans
}

/// The names of all files that these results are written to.
pub fn file_names(results: &Results) -> Vec<String> {
    let fixed = [SUMMARY_FILE, TIMELINE_FILE, WAITS_FILE, ADJUSTMENTS_FILE, PAGE_FILE];
    let league = has_league(results).then_some(LEAGUE_FILE);
    let fixed = fixed.into_iter().chain(league).map(str::to_owned);
    let charts = plan(results).into_iter().flat_map(|plan| plan.figures).map(|planned| planned.file);
    fixed.chain(charts).collect()
}

impl<'a> ScenarioPlan<'a> {
    /// All replications of a controller.
    pub(crate) fn timelines(&self, controller: &str) -> &[&'a Timeline] {
        self.timelines.get(controller).map_or(&[], Vec::as_slice)
    }

    /// The controllers with a curve of their waits, and how they look, in the order of the summary.
    pub(crate) fn waits(&self) -> Vec<(&'a ControllerSummary, Look, &'a WaitCurve)> {
        let known = self.scenario.controllers.iter().enumerate();
        known
            .filter_map(|(place, controller)| {
                let curve = self.waits.get(controller.name.as_str())?;
                Some((controller, look(&controller.name, place), *curve))
            })
            .collect()
    }

    /// How a controller looks on every chart of this scenario.
    pub(crate) fn look(&self, controller: &str) -> Look {
        let place = self.scenario.controllers.iter().position(|other| other.name == controller);
        look(controller, place.unwrap_or_default())
    }

    /// What was run: `24 h (1 h warm-up), 30 replications, seed 1`.
    pub(crate) fn extent(&self) -> String {
        self.extent_of(&text::counted(u64::from(self.replications()), "replication"))
    }

    /// The same of one of them: `24 h, replication 1 of 30, seed 1`.
    pub(crate) fn extent_of_one(&self, replication: u32) -> String {
        self.extent_of(&format!("replication {} of {}", replication + 1, self.replications()))
    }

    fn replications(&self) -> u32 {
        let all = self.scenario.controllers.iter().map(|controller| controller.replications);
        all.max().unwrap_or_default()
    }

    fn extent_of(&self, replications: &str) -> String {
        let warmup = match self.scenario.warmup_hours {
            hours if hours > 0.0 => format!(" ({} warm-up)", text::length(hours)),
            _ => String::new(),
        };
        format!("{}{warmup}, {replications}, seed {}", text::length(self.scenario.hours), self.seed)
    }

    /// The sample behind a number: `30 replications × 23 h`.
    pub(crate) fn sample(&self, replications: u32) -> String {
        let replications = text::counted(u64::from(replications), "replication");
        format!("{replications} × {}", text::length(counted_hours(self.scenario)))
    }

    fn figures(&self, files: &mut Names) -> Vec<Planned<'a>> {
        let mut figures = Vec::new();
        let mut add = |what: &str, figure| {
            figures.push(Planned { file: files.claim(&format!("{}-{what}", self.stem), ".png"), figure });
        };
        if let (Some(before), Some(after)) = (unlimited(self.scenario), subject(self.scenario))
            && [before, after].iter().all(|controller| !self.timelines(&controller.name).is_empty())
        {
            add("before-after", Figure::BeforeAfter { before, after });
        }
        if !self.scenario.controllers.is_empty() {
            add("controllers", Figure::Controllers);
        }
        if !Paired::all(self.scenario).is_empty() {
            add("differences", Figure::Differences);
        }
        if !self.waits().is_empty() {
            add("waits", Figure::Waits);
        }
        for controller in &self.scenario.controllers {
            let timelines = self.timelines(&controller.name);
            let Some(timeline) = timelines.iter().min_by_key(|timeline| timeline.replication) else {
                continue;
            };
            let name = safe(&controller.name);
            add(&format!("timeline-{name}"), Figure::Timeline { controller, timeline });
            let own = self
                .adjustments
                .iter()
                .find(|own| own.controller == controller.name && own.replication == timeline.replication);
            if let Some(adjustments) = own {
                add(
                    &format!("adjustments-{name}"),
                    Figure::Adjustments { controller, timeline, adjustments },
                );
            }
        }
        figures
    }
}

/// Names that were given out, none of them twice.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn claim(&mut self, wish: &str, ending: &str) -> String {
        let mut name = format!("{wish}{ending}");
        let mut next = 2_u64;
        // Ends: every turn tries another name, and only finitely many are taken.
        while !self.0.insert(name.clone()) {
            name = format!("{wish}-{next}{ending}");
            next += 1;
        }
        name
    }
}

/// Longer names are cut: a file's name may have 255 bytes in all.
const LONGEST: usize = 64;

/// A name as every file system takes it: lower case, because some cannot tell `A` from `a`.
fn safe(name: &str) -> String {
    let mut safe = String::new();
    for character in name.chars().take(LONGEST) {
        match character.to_ascii_lowercase() {
            character if character.is_ascii_alphanumeric() || "._".contains(character) => {
                safe.push(character);
            }
            _ if !safe.ends_with('-') => safe.push('-'),
            _ => {}
        }
    }
    let safe = safe.trim_matches(['-', '.']);
    if safe.is_empty() { "scenario".to_owned() } else { safe.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_safe_for_files() {
        assert_eq!(safe("knowledge-base"), "knowledge-base");
        assert_eq!(safe("../../etc/passwd"), "etc-passwd");
        assert_eq!(safe("Peak  <hour>\n"), "peak-hour");
        assert_eq!(safe("高峰"), "scenario");
        assert!(safe(&"x".repeat(500)).len() <= LONGEST);
    }

    #[test]
    fn names_are_told_apart() {
        let mut names = Names::default();
        let given: Vec<String> =
            ["a", "a", "a-2", "a"].into_iter().map(|wish| names.claim(wish, ".png")).collect();
        assert_eq!(given, ["a.png", "a-2.png", "a-2-2.png", "a-3.png"]);
    }
}
