//! Whether there is such a command, before anybody waits for its permit.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::anyhow;
use rustix::fs::{Access, access};

use crate::args::Run;
use crate::fault::Fault;

/// What shells answer.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Whether the command of `args` can be run, as far as can be told without running it.
///
/// # Errors
/// There is none of this name, or it is not executable.
pub fn check(args: &Run) -> Result<(), Fault> {
    let Some(name) = args.command.first() else { return Ok(()) };
    let found = if name.as_bytes().contains(&b'/') {
        executable(Path::new(name))
    } else {
        on_path(name, &std::env::var_os("PATH").unwrap_or_default())
    };
    found.map_err(|error| cannot_run(name, &error))
}

/// The fault of a command that the system would not run.
pub fn cannot_run(name: &OsStr, error: &io::Error) -> Fault {
    let name = name.display();
    match error.kind() {
        io::ErrorKind::NotFound => Fault::Command {
            code: NOT_FOUND,
            error: anyhow!(
                "there is no command {name:?}; see that it is installed, and that its path or PATH is right"
            ),
        },
        _ => Fault::Command {
            code: NOT_EXECUTABLE,
            error: anyhow!("the command {name:?} cannot be run: {error}"),
        },
    }
}

/// The best answer of the folders in `path`: a command that cannot be run is told only where there is none that can.
fn on_path(name: &OsStr, path: &OsStr) -> io::Result<()> {
    let mut best = Err(io::ErrorKind::NotFound.into());
    for folder in std::env::split_paths(path) {
        match executable(&folder.join(name)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => best = Err(error),
        }
    }
    best
}

fn executable(path: &Path) -> io::Result<()> {
    if path.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(access(path, Access::EXEC_OK)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_on_the_path_or_by_its_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plain"), "").unwrap();
        let path = std::env::join_paths([Path::new("/nowhere"), folder.path(), Path::new("/bin")]).unwrap();
        let kind = |name: &str| on_path(OsStr::new(name), &path).map_err(|error| error.kind());
        assert_eq!(kind("sh"), Ok(()));
        assert_eq!(kind("no-such-command"), Err(io::ErrorKind::NotFound));
        assert_eq!(kind("plain"), Err(io::ErrorKind::PermissionDenied));
        let kind = |path: &Path| executable(path).map_err(|error| error.kind());
        assert_eq!(kind(folder.path()), Err(io::ErrorKind::IsADirectory));
        assert_eq!(kind(Path::new("/bin/sh")), Ok(()));
    }
}
