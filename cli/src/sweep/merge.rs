//! Puts the shards of a sweep together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::MergeArgs;
use super::definition::{Definition, Prepared};
use super::journal::{Known, Said};
use super::shard::Shard;
use crate::fault::Fault;

/// The sweep that all shards are parts of, and what they have measured.
///
/// # Errors
/// Where one of them is missing, not finished, or of another sweep.
pub fn merge(args: &MergeArgs) -> Result<(Prepared, Known), Fault> {
    let mut shards: BTreeMap<Shard, (PathBuf, Definition, Known)> = BTreeMap::new();
    for dir in &args.dirs {
        let said = Said::read(dir)?;
        let (Some(definition), known) = (said.definition, said.known) else {
            let what = format!("the sweep in {} has not begun", dir.display());
            return Err(Fault::failure(anyhow::anyhow!("{what}: run its shard again")));
        };
        let Some(shard) = definition.shard else {
            let what = format!("{} holds a whole sweep, not a shard of one", dir.display());
            return Err(Fault::call(anyhow::anyhow!(
                "{what}: give the folders of `ratepilot sweep --shard I/N`"
            )));
        };
        if let Some((other, first, _)) = shards.values().next() {
            same(dir, &definition, other, first)?;
        }
        if let Some((other, ..)) = shards.get(&shard) {
            let what = format!("{} and {} both hold shard {shard}", other.display(), dir.display());
            return Err(Fault::call(anyhow::anyhow!("{what}: give each shard once")));
        }
        shards.insert(shard, (dir.clone(), definition, known));
    }
    complete(&shards)?;
    let Some((_, definition, _)) = shards.values().next().cloned() else {
        return Err(Fault::call(anyhow::anyhow!("give the folders of all shards")));
    };
    let whole = Definition { shard: None, ..definition };
    let prepared = Prepared::again(whole, args.trace.as_deref())?;
    for (shard, (dir, _, known)) in &shards {
        let part = shard.part(prepared.sweep().first_points());
        let missing = part.iter().filter(|point| !known.contains_key(*point)).count();
        if missing > 0 {
            return Err(Fault::failure(anyhow::anyhow!(
                "shard {shard} in {} is not finished: {missing} of its {} points are missing; run it again, and it goes on",
                dir.display(),
                part.len()
            )));
        }
    }
    let known = shards.into_values().flat_map(|(_, _, known)| known).collect();
    Ok((prepared, known))
}

/// Makes sure that two shards are of one sweep.
fn same(dir: &Path, mine: &Definition, other: &Path, theirs: &Definition) -> Result<(), Fault> {
    let (search, other_search) = (&mine.search, &theirs.search);
    let parts = |definition: &Definition| definition.shard.map_or(1, Shard::of);
    let differs = theirs.world.difference(&mine.world).or_else(|| {
        let named = [
            ("controllers", search.controllers == other_search.controllers),
            ("grid", search.grid == other_search.grid),
            ("budget", search.budget == other_search.budget),
            ("refinement", search.refine == other_search.refine),
            ("number of shards", parts(mine) == parts(theirs)),
        ];
        named.iter().find(|(_, same)| !same).map(|(what, _)| format!("their {what} differs"))
    });
    match differs {
        None => Ok(()),
        Some(differs) => Err(Fault::call(anyhow::anyhow!(
            "{} and {} hold shards of different sweeps: {differs} (there: the first one's, here: the second one's)",
            other.display(),
            dir.display()
        ))),
    }
}

fn complete(shards: &BTreeMap<Shard, (PathBuf, Definition, Known)>) -> Result<(), Fault> {
    let of = shards.keys().next().map_or(0, |shard| shard.of());
    let missing: Vec<_> =
        Shard::all(of).filter(|shard| !shards.contains_key(shard)).map(Shard::names).collect();
    match missing.len() {
        0 => Ok(()),
        many => Err(Fault::call(anyhow::anyhow!(
            "{many} of {of} shards {} missing: {}{}; give the folders of all, each of which `ratepilot sweep --shard` wrote",
            if many == 1 { "is" } else { "are" },
            missing.iter().take(5).cloned().collect::<Vec<_>>().join(", "),
            if many > 5 { ", …" } else { "" },
        ))),
    }
}
