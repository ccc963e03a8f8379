//! The way back: the files of an earlier run, as [`Results`].

mod rows;

use std::collections::BTreeSet;

use limiter_core::Dimension;
use simulator::results::{Adjustments, Change, Minute, Results, Summary, Timeline, WaitCurve, WaitPoint};

use crate::ReadError;
use crate::export::{
    ADJUSTMENTS_COLUMNS, ADJUSTMENTS_FILE, SUMMARY_FILE, TIMELINE_COLUMNS, TIMELINE_FILE, WAITS_COLUMNS,
    WAITS_FILE,
};
use rows::{Row, Rows};

/// The content of the files that [`export`](crate::export) writes.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// `summary.json`.
    pub summary: &'a [u8],
    /// `timeline.csv`.
    pub timeline: &'a [u8],
    /// `waits.csv`.
    pub waits: &'a [u8],
    /// `adjustments.csv`.
    pub adjustments: &'a [u8],
}

/// Reads back what [`export`](crate::export) wrote; the results equal those that were written.
///
/// # Errors
/// [`ReadError`], with the file, the line, what was expected there and what was found.
pub fn read(files: Files<'_>) -> Result<Results, ReadError> {
    let summary = summary(files.summary)?;
    let known = Known::from(&summary);
    let timelines = timelines(files.timeline, &known)?;
    let waits = waits(files.waits, &known)?;
    let adjustments = adjustments(files.adjustments, &known)?;
    Ok(Results { summary, timelines, waits, adjustments })
}

fn summary(bytes: &[u8]) -> Result<Summary, ReadError> {
    serde_json::from_slice(bytes).map_err(|source| ReadError::Summary {
        file: SUMMARY_FILE,
        line: source.line(),
        column: source.column(),
        source,
    })
}

fn timelines(bytes: &[u8], known: &Known<'_>) -> Result<Vec<Timeline>, ReadError> {
    let mut rows = Rows::open(TIMELINE_FILE, &TIMELINE_COLUMNS, bytes)?;
    let mut timelines: Vec<Timeline> = Vec::new();
    let mut begun = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let (scenario, controller) = known.check(&row)?;
        let replication = row.number(2)?;
        let minute = Minute {
            minute: row.number(3)?,
            true_limit_calls: row.optional_number(4)?,
            true_limit_concurrency: row.optional_number(5)?,
            limit_calls: row.optional_number(6)?,
            limit_concurrency: row.optional_number(7)?,
            granted: row.number(8)?,
            accepted: row.number(9)?,
            hits: row.number(10)?,
            overloads: row.number(11)?,
            waiting: row.number(12)?,
            in_flight: row.number(13)?,
            true_limit_tokens: row.optional_number(14)?,
            limit_tokens: row.optional_number(15)?,
            tokens: row.number(16)?,
        };
        let last = timelines.last_mut().filter(|last| {
            last.replication == replication && last.controller == controller && last.scenario == scenario
        });
        if last.is_none() && !begun.insert((scenario.to_owned(), controller.to_owned(), replication)) {
            return Err(
                row.scattered(format!("`{scenario}` under `{controller}`, replication {replication}"))
            );
        }
        let due = last.as_ref().map_or(0, |last| last.minutes.len());
        if usize::try_from(minute.minute) != Ok(due) {
            return Err(row.wrong(3, format!("minute {due}, the next of this replication")));
        }
        if let Some(last) = last {
            last.minutes.push(minute);
            continue;
        }
        timelines.push(Timeline {
            scenario: scenario.to_owned(),
            controller: controller.to_owned(),
            replication,
            minutes: vec![minute],
        });
    }
    Ok(timelines)
}

fn waits(bytes: &[u8], known: &Known<'_>) -> Result<Vec<WaitCurve>, ReadError> {
    let mut rows = Rows::open(WAITS_FILE, &WAITS_COLUMNS, bytes)?;
    let mut curves: Vec<WaitCurve> = Vec::new();
    let mut begun = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let (scenario, controller) = known.check(&row)?;
        let point = if row.field(2).is_empty() && row.field(3).is_empty() {
            None
        } else {
            Some(WaitPoint {
                share: row.float(2, "a share above 0 and at most 1", |share| share > 0.0 && share <= 1.0)?,
                wait_s: row.float(3, "seconds, 0 or more", |wait| wait >= 0.0)?,
            })
        };
        let last =
            curves.last_mut().filter(|last| last.controller == controller && last.scenario == scenario);
        match (last, point) {
            (Some(last), Some(point)) if !last.points.is_empty() => last.points.push(point),
            _ if begun.insert((scenario.to_owned(), controller.to_owned())) => curves.push(WaitCurve {
                scenario: scenario.to_owned(),
                controller: controller.to_owned(),
                points: point.into_iter().collect(),
            }),
            _ => return Err(row.scattered(format!("`{scenario}` under `{controller}`"))),
        }
    }
    Ok(curves)
}

fn adjustments(bytes: &[u8], known: &Known<'_>) -> Result<Vec<Adjustments>, ReadError> {
    let mut rows = Rows::open(ADJUSTMENTS_FILE, &ADJUSTMENTS_COLUMNS, bytes)?;
    let mut all: Vec<Adjustments> = Vec::new();
    let mut begun = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let (scenario, controller) = known.check(&row)?;
        let replication = row.number(2)?;
        let dimension = Dimension::ALL.into_iter().find(|dimension| dimension.name() == row.field(4));
        let change = Change {
            time_s: row.float(3, "seconds, 0 or more", |time| time >= 0.0)?,
            dimension: dimension
                .ok_or_else(|| row.wrong(4, "calls, tokens, concurrency or pacing".to_owned()))?,
            from: row.optional_number(5)?,
            to: row.optional_number(6)?,
            reason: row
                .field(7)
                .parse()
                .map_err(|_| row.wrong(7, "a reason that `simulate` writes".to_owned()))?,
            adjustments: row.number(8)?,
        };
        let last = all.last_mut().filter(|last| {
            last.replication == replication && last.controller == controller && last.scenario == scenario
        });
        if let Some(last) = last {
            last.changes.push(change);
            continue;
        }
        if !begun.insert((scenario.to_owned(), controller.to_owned(), replication)) {
            return Err(
                row.scattered(format!("`{scenario}` under `{controller}`, replication {replication}"))
            );
        }
        all.push(Adjustments {
            scenario: scenario.to_owned(),
            controller: controller.to_owned(),
            replication,
            changes: vec![change],
        });
    }
    Ok(all)
}

/// What the summary speaks of, so that files of two runs are not mixed unnoticed.
struct Known<'a>(BTreeSet<(&'a str, &'a str)>);

impl<'a> From<&'a Summary> for Known<'a> {
    fn from(summary: &'a Summary) -> Self {
        let named = summary.scenarios.iter().flat_map(|scenario| {
            scenario.controllers.iter().map(|controller| (scenario.name.as_str(), controller.name.as_str()))
        });
        Self(named.collect())
    }
}

impl Known<'_> {
    fn check<'r>(&self, row: &Row<'r>) -> Result<(&'r str, &'r str), ReadError> {
        let named = (row.field(0), row.field(1));
        if self.0.contains(&named) {
            return Ok(named);
        }
        let (scenario, controller) = (named.0.to_owned(), named.1.to_owned());
        Err(ReadError::Stranger { file: row.file, line: row.line, scenario, controller })
    }
}
