//! `points.jsonl`: what a sweep is, and a line for each point that it has measured, written as soon as that is known.
//!
//! A sweep that is stopped at any moment loses the points that it was at, and no others.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use simulator::sweep::{Measured, Point};

use super::definition::Definition;
use crate::fault::Fault;

/// The journal's file.
pub const POINTS_FILE: &str = "points.jsonl";

/// Points that have been measured.
pub type Known = BTreeMap<Point, Measured>;

/// The journal of a sweep that is running. Nobody else may write to it.
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

/// What a journal says.
pub struct Said {
    /// `None` where its sweep was stopped before it had begun.
    pub definition: Option<Definition>,
    pub known: Known,
    /// Where its last whole line ends.
    end: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Sweep(Box<Definition>),
    Point(Point, Box<Measured>),
}

impl Journal {
    /// Goes on with the journal of a folder, or begins it; with what it knows already.
    ///
    /// # Errors
    /// Where it is that of a sweep in another world or of another shard, is being written to, or cannot be read.
    pub fn open(folder: &Path, definition: &Definition) -> Result<(Self, Known), Fault> {
        let path = folder.join(POINTS_FILE);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|error| cannot("write", &path, &error))?;
        if !lock(&file) {
            let what = format!("another sweep is writing to {}", folder.display());
            return Err(Fault::failure(anyhow::anyhow!("{what}: wait for its end, or choose another --out")));
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|error| cannot("read", &path, &error))?;
        let said = Said::of(&path, &text)?;
        if let Some(theirs) = &said.definition {
            same(folder, theirs, definition)?;
        }
        let begin = |file: &mut File| -> io::Result<()> {
            // What a stopped sweep has left of a line is cut off.
            file.set_len(said.end)?;
            file.seek(SeekFrom::End(0))?;
            if said.definition.as_ref() != Some(definition) {
                file.write_all(&line(&Line::Sweep(Box::new(definition.clone())))?)?;
            }
            Ok(())
        };
        begin(&mut file).map_err(|error| cannot("write", &path, &error))?;
        Ok((Self { path, file: Mutex::new(file) }, said.known))
    }

    /// Writes down a point.
    ///
    /// # Errors
    /// Where it cannot be written, for instance because the disk is full.
    pub fn append(&self, point: &Point, measured: &Measured) -> Result<(), Fault> {
        let written = line(&Line::Point(point.clone(), Box::new(measured.clone()))).and_then(|line| {
            // One write a line: whoever ends the program ends it before or after it, or leaves a part that is cut off.
            self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
        });
        written.map_err(|error| cannot("write", &self.path, &error))
    }
}

impl Said {
    /// What the journal of a folder says, without writing to it.
    ///
    /// # Errors
    /// Where there is none, or it is damaged.
    pub fn read(folder: &Path) -> Result<Self, Fault> {
        let path = folder.join(POINTS_FILE);
        let text = fs::read(&path).map_err(|error| {
            let what =
                format!("{} holds no sweep: cannot read {}: {error}", folder.display(), path.display());
            Fault::failure(anyhow::anyhow!("{what}; give the folder that `ratepilot sweep --out` wrote"))
        })?;
        Self::of(&path, &text)
    }

    fn of(path: &Path, text: &[u8]) -> Result<Self, Fault> {
        let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let mut said = Self { definition: None, known: Known::new(), end: end as u64 };
        for (number, line) in text[..end].split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            match serde_json::from_slice(line) {
                // A later one takes the place of an earlier one: the sweep was gone on with another grid.
                Ok(Line::Sweep(definition)) => said.definition = Some(*definition),
                Ok(Line::Point(point, measured)) => {
                    said.known.insert(point, *measured);
                }
                Err(error) => {
                    return Err(Fault::failure(anyhow::anyhow!(
                        "{}:{}: {error}; expected a line that this version of `ratepilot sweep` writes. Remove the line, \
                         or the file to begin anew",
                        path.display(),
                        number + 1
                    )));
                }
            }
        }
        Ok(said)
    }
}

/// Whether nobody else holds a file. Who was killed a moment ago may hold it a moment longer.
fn lock(file: &File) -> bool {
    const ATTEMPTS: u32 = 10;
    for _ in 0..ATTEMPTS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => pause(),
            // Some file systems know no locks.
            Ok(()) | Err(TryLockError::Error(_)) => return true,
        }
    }
    false
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for, in real time")]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(100));
}

/// A finished journal: its points in the order of the sweep, not in that in which they came.
///
/// # Errors
/// Those of `out`.
pub fn write<'p>(
    definition: &Definition,
    points: impl Iterator<Item = (&'p Point, &'p Measured)>,
    out: &mut dyn Write,
) -> io::Result<()> {
    out.write_all(&line(&Line::Sweep(Box::new(definition.clone())))?)?;
    for (point, measured) in points {
        out.write_all(&line(&Line::Point(point.clone(), Box::new(measured.clone())))?)?;
    }
    Ok(())
}

/// Makes sure that a folder's sweep can be gone on with.
fn same(folder: &Path, theirs: &Definition, ours: &Definition) -> Result<(), Fault> {
    let whole = "the whole".to_owned();
    let shard = |definition: &Definition| definition.shard.map_or(whole.clone(), |shard| shard.to_string());
    let differs = theirs.world.difference(&ours.world).or_else(|| {
        (theirs.shard != ours.shard)
            .then(|| format!("its shard is {} there and {} here", shard(theirs), shard(ours)))
    });
    match differs {
        None => Ok(()),
        Some(differs) => Err(Fault::call(anyhow::anyhow!(
            "{} holds another sweep: {differs}; choose another --out, or remove that folder's {POINTS_FILE} to begin anew",
            folder.display()
        ))),
    }
}

fn line(line: &Line) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Fault {
    Fault::file(what, path, "choose another folder with --out, or make this one writable", error)
}
