//! `ratepilot report`.

use std::path::Path;

use reports::{ADJUSTMENTS_FILE, Files, SUMMARY_FILE, TIMELINE_FILE, WAITS_FILE};

use simulator::results::Results;

use crate::args::{Common, Report};
use crate::console::say;
use crate::fault::Fault;
use crate::folder::Folder;

/// Draws the charts and the page of an earlier run again.
///
/// # Errors
/// Where the folder holds no run, or cannot be written to.
pub fn run(args: &Report, common: &Common) -> Result<(), Fault> {
    let dir = &args.dir;
    let results = results(dir)?;
    let charts = reports::charts(&results).map_err(Fault::failure)?;
    let page = reports::page(&results, &charts).map_err(Fault::failure)?;
    let mut folder = Folder::open(dir)?;
    for artifact in charts.iter().chain([&page]) {
        folder.write(&artifact.name, |out| out.write_all(&artifact.bytes))?;
    }
    folder.publish(&[])?;
    let mut names: Vec<_> = charts.iter().chain([&page]).map(|artifact| dir.join(&artifact.name)).collect();
    names.sort();
    if common.json {
        say(&format!("{}\n", serde_json::json!({ "written": names })))
    } else {
        say(&names.iter().map(|name| format!("{}\n", name.display())).collect::<String>())
    }
}

/// The results of the run that a folder holds.
///
/// # Errors
/// Where it holds none, or not a whole one.
pub fn results(dir: &Path) -> Result<Results, Fault> {
    let (summary, timeline) = (read(dir, SUMMARY_FILE)?, read(dir, TIMELINE_FILE)?);
    let (waits, adjustments) = (read(dir, WAITS_FILE)?, read(dir, ADJUSTMENTS_FILE)?);
    let files = Files { summary: &summary, timeline: &timeline, waits: &waits, adjustments: &adjustments };
    reports::read(files).map_err(|error| Fault::failure(anyhow::anyhow!("{}: {error}", dir.display())))
}

fn read(dir: &Path, name: &str) -> Result<Vec<u8>, Fault> {
    let path = dir.join(name);
    std::fs::read(&path).map_err(|error| {
        Fault::failure(anyhow::anyhow!(
            "{} does not hold a whole run: cannot read {}: {error}; \
             give the folder that `ratepilot simulate --out` wrote",
            dir.display(),
            path.display()
        ))
    })
}
