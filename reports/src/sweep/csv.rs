//! `sweep.csv`: a row a point.

use simulator::results::Estimate;
use simulator::sweep::{SweepResults, SweptPoint, Versus};

use crate::ReportError;
use crate::sweep::{SWEEP_CSV_FILE, setting_name};

const BEFORE_SETTINGS: [&str; 5] = ["controller", "round", "recommended", "on_front", "within_budget"];
const AFTER_SETTINGS: [&str; 27] = [
    "replications",
    "calls",
    "attempts",
    "hits",
    "overloads",
    "lost",
    "hits_per_hour",
    "hits_per_hour_low",
    "hits_per_hour_high",
    "success_rate",
    "success_rate_low",
    "success_rate_high",
    "goodput_per_minute",
    "goodput_per_minute_low",
    "goodput_per_minute_high",
    "goodput_vs_oracle",
    "goodput_vs_oracle_low",
    "goodput_vs_oracle_high",
    "added_wait_p50_s",
    "added_wait_p95_s",
    "utilisation",
    "less_recommended_hits_per_hour",
    "less_recommended_hits_per_hour_low",
    "less_recommended_hits_per_hour_high",
    "less_recommended_goodput_per_minute",
    "less_recommended_goodput_per_minute_low",
    "less_recommended_goodput_per_minute_high",
];

/// A row a point; what does not exist is an empty field, as is a setting that makes no difference to a controller.
pub fn write(results: &SweepResults) -> Result<Vec<u8>, ReportError> {
    let failed = |source| ReportError::Csv { file: SWEEP_CSV_FILE, source };
    let mut csv = csv::Writer::from_writer(Vec::new());
    let paths: Vec<&str> = results.grid.iter().map(|axis| axis.setting.path()).collect();
    let names: Vec<String> = paths.iter().map(|path| setting_name(path)).collect();
    let before = BEFORE_SETTINGS.into_iter().chain(names.iter().map(String::as_str));
    csv.write_record(before.chain(AFTER_SETTINGS)).map_err(failed)?;
    for point in &results.found.points {
        csv.write_record(row(point, &paths)).map_err(failed)?;
    }
    csv.into_inner().map_err(|error| failed(error.into_error().into()))
}

fn row(point: &SweptPoint, paths: &[&str]) -> Vec<String> {
    let summary = &point.summary;
    let mut row = vec![
        point.point.controller.to_string(),
        point.round.to_string(),
        point.recommended.to_string(),
        point.on_front.to_string(),
        point.within_budget.to_string(),
    ];
    row.extend(paths.iter().map(|path| optional(point.point.settings.get(*path))));
    row.extend([
        summary.replications.to_string(),
        summary.calls.to_string(),
        summary.attempts.to_string(),
        summary.hits.to_string(),
        summary.overloads.to_string(),
        summary.lost.to_string(),
    ]);
    row.extend(estimate(Some(summary.hits_per_hour)));
    let success = summary.success_rate.map(|mean| Estimate { mean, ci95: summary.success_rate_ci95 });
    row.extend(estimate(success));
    row.extend(estimate(Some(summary.goodput_per_minute)));
    let of_oracle =
        summary.goodput_vs_oracle.map(|mean| Estimate { mean, ci95: summary.goodput_vs_oracle_ci95 });
    row.extend(estimate(of_oracle));
    row.extend([
        summary.added_wait_s.p50.to_string(),
        summary.added_wait_s.p95.to_string(),
        optional(summary.utilisation.as_ref()),
    ]);
    let less = point.less_recommended;
    row.extend(estimate(less.map(|Versus { hits_per_hour, .. }| hits_per_hour)));
    row.extend(estimate(less.map(|Versus { goodput_per_minute, .. }| goodput_per_minute)));
    row
}

fn estimate(estimate: Option<Estimate>) -> [String; 3] {
    let end =
        |index: usize| optional(estimate.and_then(|estimate| estimate.ci95).map(|ci95| ci95[index]).as_ref());
    [optional(estimate.map(|estimate| estimate.mean).as_ref()), end(0), end(1)]
}

/// Floats are written by the shortest digits that give the same float back.
fn optional(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}
