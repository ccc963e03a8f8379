//! The folder that a run is written to: each file whole, or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::fault::Fault;

const ADVICE: &str = "choose another folder with --out, or make this one writable";

/// A folder to write to. What is written appears all at once, by [`Folder::publish`].
pub struct Folder {
    path: PathBuf,
    /// Within the folder, so that publishing is a rename; it is removed whatever happens.
    staging: TempDir,
}

impl Folder {
    /// Makes the folder where it is missing, and makes sure that it can be written to, before any work is done.
    ///
    /// # Errors
    /// Where it cannot.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let refused = |error: io::Error| Fault::file("write to the folder", path, ADVICE, error);
        fs::create_dir_all(path).map_err(refused)?;
        let staging = tempfile::Builder::new().prefix(".ratepilot-").tempdir_in(path).map_err(refused)?;
        Ok(Self { path: path.to_owned(), staging })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of this run that nobody sees before it is published.
    pub fn scratch(&self) -> io::Result<fs::File> {
        tempfile::tempfile_in(self.staging.path())
    }

    /// Writes a file that appears when the folder is published.
    ///
    /// # Errors
    /// Where it cannot be written, for instance because the disk is full.
    pub fn write(
        &self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Fault> {
        let path = self.staging.path().join(name);
        let written = fs::File::create(&path).and_then(|file| {
            let mut out = io::BufWriter::new(file);
            fill(&mut out)?;
            out.flush()
        });
        written.map_err(|error| Fault::file("write", &self.path.join(name), ADVICE, error))
    }

    /// Puts all that was written into the folder, over what an earlier run left there.
    ///
    /// # Errors
    /// Where a file cannot be put in its place.
    pub fn publish(self) -> Result<(), Fault> {
        let refused = |error: io::Error| Fault::file("write to the folder", &self.path, ADVICE, error);
        for entry in fs::read_dir(self.staging.path()).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            fs::rename(entry.path(), self.path.join(entry.file_name())).map_err(refused)?;
        }
        Ok(())
    }
}

/// Writes one file whole, or not at all.
///
/// # Errors
/// Where it cannot be written.
pub fn write_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Fault> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = NamedTempFile::new_in(parent).and_then(|mut file| {
        let mut out = io::BufWriter::new(file.as_file_mut());
        fill(&mut out)?;
        out.flush()?;
        drop(out);
        file.persist(path).map_err(|refused| refused.error)?;
        Ok(())
    });
    written.map_err(|error| Fault::file("write", path, "choose another file with --out", error))
}
