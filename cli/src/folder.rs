//! The folder that a run is written to: a run appears there whole, in place of the one before it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::fault::Fault;

const ADVICE: &str = "choose another folder with --out, or make this one writable";

/// A folder to write to. What is written appears all at once, by [`Folder::publish`].
pub struct Folder {
    path: PathBuf,
    /// Within the folder, so that publishing is a rename; made when it is needed, and removed whatever happens.
    staging: Option<TempDir>,
}

impl Folder {
    /// Makes the folder where it is missing, and makes sure that it can be written to, before any work is done.
    ///
    /// # Errors
    /// Where it cannot.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        if path.exists() && !path.is_dir() {
            let what = format!("cannot write to the folder {}: it is a file", path.display());
            return Err(Fault::failure(anyhow::anyhow!("{what}; choose another folder with --out")));
        }
        let tried = fs::create_dir_all(path).and_then(|()| tempfile::tempfile_in(path).map(drop));
        tried.map_err(|error| Fault::file("write to the folder", path, ADVICE, plain(&error)))?;
        Ok(Self { path: path.to_owned(), staging: None })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file that has no name and is gone when this program is.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn scratch(&self) -> io::Result<fs::File> {
        tempfile::tempfile_in(&self.path)
    }

    /// Writes a file that appears when the folder is published.
    ///
    /// # Errors
    /// Where it cannot be written, for instance because the disk is full.
    pub fn write(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Fault> {
        let written = self.staging().and_then(|staging| {
            let mut out = io::BufWriter::new(fs::File::create(staging.join(name))?);
            fill(&mut out)?;
            out.flush()
        });
        written.map_err(|error| Fault::file("write", &self.path.join(name), ADVICE, plain(&error)))
    }

    /// Puts all that was written into the folder, and takes out what else an `earlier` run left there.
    ///
    /// # Errors
    /// Where a file cannot be put in its place; before any is, where that can be foreseen.
    pub fn publish(mut self, earlier: &[String]) -> Result<(), Fault> {
        let refused = |path: &Path, error: &io::Error| Fault::file("write", path, ADVICE, plain(error));
        let staging = self.staging().map_err(|error| refused(&self.path, &error))?;
        let names = names_in(&staging).map_err(|error| refused(&self.path, &error))?;
        if let Some(folder) = names.iter().map(|name| self.path.join(name)).find(|path| path.is_dir()) {
            let what = format!("cannot write {}: there is a folder of that name", folder.display());
            return Err(Fault::failure(anyhow::anyhow!("{what}; rename it, or choose another --out")));
        }
        for name in &names {
            let path = self.path.join(name);
            fs::rename(staging.join(name), &path).map_err(|error| refused(&path, &error))?;
        }
        for name in earlier.iter().filter(|name| !names.contains(name)) {
            // It is in nobody's way if it cannot be removed.
            let _ = fs::remove_file(self.path.join(name));
        }
        Ok(())
    }

    fn staging(&mut self) -> io::Result<PathBuf> {
        if self.staging.is_none() {
            self.staging = Some(tempfile::Builder::new().prefix(".ratepilot-").tempdir_in(&self.path)?);
        }
        Ok(self.staging.as_ref().map(|staging| staging.path().to_owned()).unwrap_or_default())
    }
}

/// Writes one file whole, or not at all.
///
/// # Errors
/// Where it cannot be written.
pub fn write_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Fault> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        let what = if parent.exists() { "is not a folder" } else { "does not exist" };
        return Err(Fault::failure(anyhow::anyhow!(
            "cannot write {}: the folder {} {what}; make it, or choose another file with --out",
            path.display(),
            parent.display()
        )));
    }
    let written = NamedTempFile::new_in(parent).and_then(|mut file| {
        let mut out = io::BufWriter::new(file.as_file_mut());
        fill(&mut out)?;
        out.flush()?;
        drop(out);
        file.persist(path).map_err(|refused| refused.error)?;
        Ok(())
    });
    written.map_err(|error| Fault::file("write", path, "choose another file with --out", plain(&error)))
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The error without the name of a temporary file, which nobody knows.
fn plain(error: &io::Error) -> String {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().to_string(), |code| io::Error::from_raw_os_error(code).to_string())
}
