//! One page with what a sweep found, that opens from a disk and asks no network for anything.

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use simulator::results::ControllerSummary;
use simulator::sweep::{SweepResults, SweptPoint};

use crate::sweep::{HEAT_MAP_FILE, SWEEP_PAGE_FILE, extent, meaning, reads, setting_name};
use crate::{Artifact, ReportError, text};

/// More rows than this are not read; `sweep.csv` holds them all.
const MOST_ROWS: usize = 60;

#[derive(Template)]
#[template(path = "sweep.html")]
struct Page<'a> {
    results: &'a SweepResults,
    extent: String,
    meaning: String,
    settings: Vec<String>,
    rows: Vec<Row>,
    left_out: usize,
    points: String,
    references: Vec<Row>,
    config: Option<String>,
    pictures: Vec<Picture>,
}

struct Row {
    name: String,
    settings: Vec<String>,
    recommended: bool,
    hits: String,
    interval: String,
    success: String,
    of_oracle: String,
    goodput: String,
    waits: [String; 2],
}

struct Picture {
    file: String,
    data: String,
    alt: &'static str,
}

/// `sweep.html`: what is recommended and why, the front as a table, and the charts.
///
/// # Errors
/// Where the template fails.
pub fn write(results: &SweepResults, charts: &[Artifact]) -> Result<Artifact, ReportError> {
    let paths: Vec<&str> = results.grid.iter().map(|axis| axis.setting.path()).collect();
    let mut front: Vec<&SweptPoint> =
        results.found.points.iter().filter(|point| point.on_front || point.recommended).collect();
    let hits = |point: &SweptPoint| point.summary.hits_per_hour.mean;
    front.sort_by(|one, other| hits(one).total_cmp(&hits(other)));
    let kept = front.iter().enumerate().filter(|(place, point)| *place < MOST_ROWS || point.recommended);
    let rows: Vec<Row> = kept.map(|(_, point)| Row::of(point, &paths)).collect();
    let page = Page {
        results,
        extent: extent(results),
        meaning: meaning(results),
        settings: paths.iter().map(|path| setting_name(path)).collect(),
        left_out: front.len() - rows.len(),
        rows,
        points: text::counted(results.found.points.len() as u64, "point"),
        references: results.found.references.iter().map(|end| Row::end(end, paths.len())).collect(),
        config: results.best().map(|_| super::fragment::write(results)),
        pictures: charts.iter().map(Picture::of).collect(),
    };
    Ok(Artifact::new(SWEEP_PAGE_FILE, page.render().map_err(ReportError::Page)?.into_bytes()))
}

impl Row {
    fn of(point: &SweptPoint, paths: &[&str]) -> Self {
        let value = |path: &&str| {
            let value = point.point.settings.get(*path);
            value.map_or_else(|| text::NOTHING.to_owned(), |value| reads(path, *value))
        };
        Self {
            settings: paths.iter().map(value).collect(),
            recommended: point.recommended,
            ..Self::end(&point.summary, 0)
        }
    }

    fn end(summary: &ControllerSummary, settings: usize) -> Self {
        let or_nothing = |text: Option<String>| text.unwrap_or_else(|| text::NOTHING.to_owned());
        Self {
            name: summary.name.clone(),
            settings: vec![text::NOTHING.to_owned(); settings],
            recommended: false,
            hits: text::rate(summary.hits_per_hour.mean),
            interval: text::interval(&summary.hits_per_hour).unwrap_or_default(),
            success: or_nothing(summary.success_rate.map(text::share)),
            of_oracle: or_nothing(summary.goodput_vs_oracle.map(text::ratio)),
            goodput: text::rate(summary.goodput_per_minute.mean),
            waits: [summary.added_wait_s.p50, summary.added_wait_s.p95].map(text::seconds),
        }
    }
}

impl Picture {
    fn of(chart: &Artifact) -> Self {
        let is_map = chart.name == HEAT_MAP_FILE;
        Self {
            file: chart.name.clone(),
            data: BASE64_STANDARD.encode(&chart.bytes),
            alt: if is_map {
                "Heat maps of refusals, goodput and added wait over the grid, with the chosen point marked; sweep.csv \
                 holds the numbers."
            } else {
                "Refusals against goodput, and against added wait, with the Pareto front and the chosen point marked; \
                 sweep.csv holds the numbers."
            },
        }
    }
}
