//! Results as files: `summary.json`, `timeline.csv`, `waits.csv`, `adjustments.csv`.

use simulator::results::{Adjustments, Results, Summary, Timeline, WaitCurve};

use crate::{Artifact, ReportError};

/// The name of the file that holds the summary.
pub const SUMMARY_FILE: &str = "summary.json";
/// The name of the file that holds one row a scenario, controller, replication and minute.
pub const TIMELINE_FILE: &str = "timeline.csv";
/// The name of the file that holds the distribution of the added wait.
pub const WAITS_FILE: &str = "waits.csv";
/// The name of the file that holds what controllers did in their first replication, and why.
pub const ADJUSTMENTS_FILE: &str = "adjustments.csv";

pub(crate) const TIMELINE_COLUMNS: [&str; 17] = [
    "scenario",
    "controller",
    "replication",
    "minute",
    "true_limit_calls",
    "true_limit_concurrency",
    "limit_calls",
    "limit_concurrency",
    "granted",
    "accepted",
    "hits",
    "overloads",
    "waiting",
    "in_flight",
    "true_limit_tokens",
    "limit_tokens",
    "tokens",
];
pub(crate) const WAITS_COLUMNS: [&str; 4] = ["scenario", "controller", "share", "wait_s"];
pub(crate) const ADJUSTMENTS_COLUMNS: [&str; 9] =
    ["scenario", "controller", "replication", "time_s", "dimension", "from", "to", "reason", "adjustments"];

/// Writes results as `summary.json`, `timeline.csv`, `waits.csv` and `adjustments.csv`, from which
/// [`read`](crate::read) gets the same results back.
///
/// A number that does not exist (no limit, no such interval) is an empty field, or `null` in JSON. A curve
/// without a point is one row without numbers; a timeline without a minute leaves no row.
///
/// # Errors
/// [`ReportError::Summary`] or [`ReportError::Csv`], where a value cannot be written.
pub fn export(results: &Results) -> Result<Vec<Artifact>, ReportError> {
    Ok(vec![
        Artifact::new(SUMMARY_FILE, summary(&results.summary)?),
        Artifact::new(TIMELINE_FILE, in_csv(TIMELINE_FILE, |csv| timeline(csv, &results.timelines))?),
        Artifact::new(WAITS_FILE, in_csv(WAITS_FILE, |csv| waits(csv, &results.waits))?),
        Artifact::new(
            ADJUSTMENTS_FILE,
            in_csv(ADJUSTMENTS_FILE, |csv| adjustments(csv, &results.adjustments))?,
        ),
    ])
}

fn summary(summary: &Summary) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(summary).map_err(ReportError::Summary)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn timeline(csv: &mut csv::Writer<Vec<u8>>, timelines: &[Timeline]) -> Result<(), csv::Error> {
    csv.write_record(TIMELINE_COLUMNS)?;
    for timeline in timelines {
        for minute in &timeline.minutes {
            // In two parts, as serde's tuples end at sixteen.
            csv.serialize((
                (&timeline.scenario, &timeline.controller, timeline.replication),
                (
                    minute.minute,
                    minute.true_limit_calls,
                    minute.true_limit_concurrency,
                    minute.limit_calls,
                    minute.limit_concurrency,
                    minute.granted,
                    minute.accepted,
                    minute.hits,
                    minute.overloads,
                    minute.waiting,
                    minute.in_flight,
                    minute.true_limit_tokens,
                    minute.limit_tokens,
                    minute.tokens,
                ),
            ))?;
        }
    }
    Ok(())
}

/// Floats are written by the shortest digits that give the same float back.
fn waits(csv: &mut csv::Writer<Vec<u8>>, curves: &[WaitCurve]) -> Result<(), csv::Error> {
    csv.write_record(WAITS_COLUMNS)?;
    for curve in curves {
        for point in &curve.points {
            csv.serialize((&curve.scenario, &curve.controller, point.share, point.wait_s))?;
        }
        if curve.points.is_empty() {
            csv.write_record([&curve.scenario, &curve.controller, "", ""])?;
        }
    }
    Ok(())
}

fn adjustments(csv: &mut csv::Writer<Vec<u8>>, all: &[Adjustments]) -> Result<(), csv::Error> {
    csv.write_record(ADJUSTMENTS_COLUMNS)?;
    for Adjustments { scenario, controller, replication, changes } in all {
        for change in changes {
            let (dimension, reason) = (change.dimension.name(), change.reason.to_string());
            csv.serialize((
                (scenario, controller, replication, change.time_s),
                (dimension, change.from, change.to, reason, change.adjustments),
            ))?;
        }
    }
    Ok(())
}

fn in_csv(
    file: &'static str,
    write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error>,
) -> Result<Vec<u8>, ReportError> {
    let failed = |source| ReportError::Csv { file, source };
    let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    write(&mut csv).map_err(failed)?;
    csv.into_inner().map_err(|error| failed(error.into_error().into()))
}
