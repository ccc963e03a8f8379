//! Results to look at: files, charts, and one page that holds them.
//!
//! Everything here turns [`Results`](simulator::results::Results) into bytes; only the caller writes files.
//!
//! | what | made by | file |
//! |---|---|---|
//! | the summary, the minutes, the waits, what controllers did | [`export`] | `summary.json`, `timeline.csv`, `waits.csv`, `adjustments.csv` |
//! | the same, read back | [`read`] | |
//! | charts | [`charts`] | `league.png`, and for each scenario those that the function names |
//! | a page that needs no network | [`page`] | `report.html` |
//! | the names of all these files | [`file_names`] | |
//! | what a scenario's numbers mean, in a sentence | [`meaning`] | |
//! | all files of a sweep | [`sweep_files`] | [`SWEEP_FILES`] |
//! | what a sweep recommends, and why | [`sweep_meaning`] | |
//!
//! In a file's name, a scenario's or controller's name is in lower case and made of letters, digits, `.`, `_`
//! and `-`; names that would be the same are told apart by `-2`, `-3`, … in the order of the scenarios. The same
//! results give the same bytes.

mod artifact;
mod chart;
mod error;
mod excerpt;
mod export;
mod meaning;
mod page;
mod paired;
mod palette;
mod plan;
mod read;
mod sweep;
pub mod text;
mod worse;

pub use artifact::Artifact;
pub use chart::charts;
pub use error::{ReadError, ReportError};
pub use export::{ADJUSTMENTS_FILE, SUMMARY_FILE, TIMELINE_FILE, WAITS_FILE, export};
pub use meaning::meaning;
pub use page::{PAGE_FILE, page};
pub use plan::file_names;
pub use read::{Files, read};
pub use sweep::{
    RECOMMENDED_FILE, SWEEP_FILES, SWEEP_PAGE_FILE, meaning as sweep_meaning, sweep_files, sweep_json,
};
