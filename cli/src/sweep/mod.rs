//! `ratepilot sweep`.

mod args;
mod definition;
mod journal;
mod merge;
mod shard;
mod table;

use std::path::Path;

use indicatif::ProgressBar;
use simulator::SimulateError;
use simulator::sweep::{Measured, Point, SweepError, SweepResults, Watch};

pub use args::SweepArgs;
use args::SweepCommand;
use definition::Prepared;
use journal::{Journal, Known, POINTS_FILE};
use shard::Shard;

use crate::args::Common;
use crate::console::{note, say};
use crate::fault::Fault;
use crate::folder::Folder;
use crate::progress;

/// Sweeps as the arguments ask for, or puts the shards of a sweep together.
///
/// # Errors
/// Where they ask for what there is not, or a file cannot be read or written.
pub fn run(args: &SweepArgs, common: &Common) -> Result<(), Fault> {
    let (prepared, merged, out) = match &args.command {
        Some(SweepCommand::Merge(args)) => {
            let (prepared, known) = merge::merge(args)?;
            (prepared, known, &args.out)
        }
        None => (Prepared::asked(args, common)?, Known::new(), &args.out),
    };
    let folder = Folder::open(out)?;
    let (journal, mut known) = Journal::open(out, &prepared.definition)?;
    for (point, measured) in &merged {
        if !known.contains_key(point) {
            journal.append(point, measured)?;
        }
    }
    if !known.is_empty() {
        let points = reports::text::counted(known.len() as u64, "point");
        note(format_args!("going on with the sweep in {}: {points} there already", out.display()));
    }
    known.extend(merged);
    let hours = prepared.scenario.horizon.as_micros() / 3_600_000_000
        * u64::from(prepared.definition.world.replications);
    let watch = Progress { journal: &journal, bar: progress::bar(0), hours };
    match prepared.definition.shard {
        Some(shard) => one_part(&prepared, shard, folder, known, &watch, common),
        None => whole(&prepared, folder, known, &watch, common),
    }
}

/// Measures a part of the first points; what they mean, only all of them tell.
fn one_part(
    prepared: &Prepared,
    shard: Shard,
    mut folder: Folder,
    mut known: Known,
    watch: &Progress<'_>,
    common: &Common,
) -> Result<(), Fault> {
    let sweep = prepared.sweep();
    let all = sweep.first_points();
    let (count, part) = (all.len(), shard.part(all));
    let done = sweep.measure(0, &part, &mut known, watch);
    watch.bar.finish_and_clear();
    done?;
    write_journal(&mut folder, prepared, part.iter(), &known)?;
    let path = folder.path().to_owned();
    folder.publish(&[])?;
    if common.json {
        let document = serde_json::json!({
            "shard": shard.to_string(), "points": part.len(), "of_points": count, "folder": path,
        });
        return say(&format!("{document}\n"));
    }
    say(&format!(
        "Shard {shard}: {} of {count} points are in {}. When all shards are done: ratepilot sweep merge DIR…\n",
        part.len(),
        path.display()
    ))
}

/// Measures what is left, refines, and says what was found.
fn whole(
    prepared: &Prepared,
    mut folder: Folder,
    mut known: Known,
    watch: &Progress<'_>,
    common: &Common,
) -> Result<(), Fault> {
    let found = prepared.sweep().search(prepared.aim(), &mut known, watch);
    watch.bar.finish_and_clear();
    let (found, world) = (found?, &prepared.definition.world);
    let results = SweepResults {
        version: world.version.clone(),
        config_sha256: world.config_sha256.clone(),
        trace_sha256: world.trace.as_ref().map(|trace| trace.sha256.clone()),
        seed: world.seed,
        scenario: prepared.scenario.name.clone(),
        hours: prepared.scenario.horizon.as_secs_f64() / 3_600.0,
        warmup_hours: prepared.scenario.warmup.as_secs_f64() / 3_600.0,
        replications: world.replications,
        budget_hits_per_hour: prepared.definition.search.budget,
        grid: prepared.grid.axes().to_vec(),
        found,
    };
    for artifact in reports::sweep_files(&results).map_err(Fault::failure)? {
        folder.write(&artifact.name, |out| out.write_all(&artifact.bytes))?;
    }
    let first = prepared.sweep().first_points();
    let points = first
        .iter()
        .chain(results.found.points.iter().map(|point| &point.point).filter(|point| !first.contains(point)));
    write_journal(&mut folder, prepared, points, &known)?;
    let path = folder.path().to_owned();
    folder.publish(&reports::SWEEP_FILES.map(str::to_owned))?;
    if common.json {
        say(&reports::sweep_json(&results).map_err(Fault::failure)?)
    } else {
        print(&results, &path)
    }
}

/// In the order of the sweep: the same bytes, whichever point was done first.
fn write_journal<'p>(
    folder: &mut Folder,
    prepared: &Prepared,
    points: impl Iterator<Item = &'p Point>,
    known: &Known,
) -> Result<(), Fault> {
    let points = points.filter_map(|point| known.get_key_value(point));
    folder.write(POINTS_FILE, |out| journal::write(&prepared.definition, points, out))
}

fn print(results: &SweepResults, folder: &Path) -> Result<(), Fault> {
    let page = folder.join(reports::SWEEP_PAGE_FILE);
    let mut text = format!("{}\n{}\n\n", table::of(results), reports::sweep_meaning(results));
    if results.best().is_some() {
        text += &format!("The configuration is {}. ", folder.join(reports::RECOMMENDED_FILE).display());
    }
    text += &format!("Charts and files are in {}; open {} first.\n", folder.display(), page.display());
    say(&text)
}

/// A bar of simulated hours, and the journal behind it.
struct Progress<'a> {
    journal: &'a Journal,
    bar: ProgressBar,
    /// The hours of a point.
    hours: u64,
}

impl Watch for Progress<'_> {
    type Error = Fault;

    fn begins(&self, round: u32, points: usize) {
        self.bar.inc_length(self.hours * points as u64);
        self.bar.set_message(if round == 0 { "grid".to_owned() } else { format!("refinement {round}") });
    }

    fn hour(&self) {
        self.bar.inc(1);
    }

    fn measured(&self, point: &Point, measured: &Measured) -> Result<(), Fault> {
        self.journal.append(point, measured)
    }
}

impl From<SweepError> for Fault {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::Simulate(SimulateError::Trace(_)) => Self::failure(error),
            SweepError::Simulate(SimulateError::Setting(_)) | SweepError::Point(_) => Self::call(error),
        }
    }
}
