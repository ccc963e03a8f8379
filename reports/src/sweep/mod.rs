//! A sweep's results as files: numbers, charts, the recommended configuration, and a page.

mod csv;
mod fragment;
mod meaning;
mod page;
mod words;

use simulator::sweep::SweepResults;

use crate::chart::{front, heat_map};
use crate::{Artifact, ReportError};

pub use meaning::meaning;
pub(crate) use words::{extent, point_in_words, reads, setting_name};

/// The name of the file that holds everything.
pub const SWEEP_JSON_FILE: &str = "sweep.json";
/// The name of the file that holds a row a point.
pub const SWEEP_CSV_FILE: &str = "sweep.csv";
/// The name of the configuration that is recommended.
pub const RECOMMENDED_FILE: &str = "recommended.toml";
/// The name of the page.
pub const SWEEP_PAGE_FILE: &str = "sweep.html";
/// The names of all files that a sweep may be written to.
pub const SWEEP_FILES: [&str; 6] =
    [SWEEP_JSON_FILE, SWEEP_CSV_FILE, RECOMMENDED_FILE, SWEEP_PAGE_FILE, HEAT_MAP_FILE, FRONT_FILE];

const HEAT_MAP_FILE: &str = "heat-map.png";
const FRONT_FILE: &str = "pareto.png";

/// All files of a sweep. Where nobody calls there is no configuration, and without a setting of two values no
/// heat map.
///
/// # Errors
/// Where one cannot be written or drawn.
pub fn sweep_files(results: &SweepResults) -> Result<Vec<Artifact>, ReportError> {
    let mut charts = Vec::new();
    if let Some(picture) = heat_map::draw(results)? {
        charts.push(Artifact::new(HEAT_MAP_FILE, picture));
    }
    if !results.found.points.is_empty() {
        charts.push(Artifact::new(FRONT_FILE, front::draw(results)?));
    }
    let mut files = vec![
        Artifact::new(SWEEP_JSON_FILE, sweep_json(results)?.into_bytes()),
        Artifact::new(SWEEP_CSV_FILE, csv::write(results)?),
        page::write(results, &charts)?,
    ];
    if results.best().is_some() {
        files.push(Artifact::new(RECOMMENDED_FILE, fragment::write(results).into_bytes()));
    }
    files.extend(charts);
    Ok(files)
}

/// `sweep.json`: the results, and what they mean.
///
/// # Errors
/// Where a value cannot be written.
pub fn sweep_json(results: &SweepResults) -> Result<String, ReportError> {
    #[derive(serde::Serialize)]
    struct Document<'a> {
        meaning: String,
        #[serde(flatten)]
        results: &'a SweepResults,
    }
    let document = Document { meaning: meaning(results), results };
    Ok(serde_json::to_string_pretty(&document).map_err(ReportError::Sweep)? + "\n")
}
