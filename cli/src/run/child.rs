//! The command, as a process that does not outlive its permit where the system allows that.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::process::{ExitStatus, Stdio};

use anyhow::anyhow;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{self, Command};

use super::program::cannot_run;
use super::signals::is_typed;
use crate::fault::Fault;

/// A running command.
pub struct Child {
    process: process::Child,
}

impl Child {
    /// Starts a command with our streams; `json`: stdout is ours alone, and the command's goes to stderr.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn spawn(words: &[OsString], json: bool) -> Result<Self, Fault> {
        let [name, arguments @ ..] = words else { return Err(Fault::call(anyhow!("there is no command"))) };
        let mut command = tied(words).unwrap_or_else(|| {
            let mut command = Command::new(name);
            command.args(arguments);
            command
        });
        if json {
            let stderr = io::stderr().as_fd().try_clone_to_owned().map_err(Fault::failure)?;
            command.stdout(Stdio::from(stderr));
        }
        match command.spawn() {
            Ok(process) => Ok(Self { process }),
            Err(error) => Err(cannot_run(name, &error)),
        }
    }

    /// How it ended, when it has.
    ///
    /// # Errors
    /// The system's.
    pub async fn wait(&mut self) -> Result<ExitStatus, Fault> {
        self.process.wait().await.map_err(Fault::failure)
    }

    /// Passes a signal on that it has not got itself. One that has ended does not mind.
    pub fn pass(&self, signal: Signal) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id.filter(|_| !is_typed(signal)) {
            let _ = kill_process(id, signal);
        }
    }
}

/// How to start a command so that it is killed when we are: by way of this binary, which asks the system for that and
/// then becomes the command. Without it a command would go on beyond the lease of its permit, and count nowhere.
#[cfg(target_os = "linux")]
fn tied(words: &[OsString]) -> Option<Command> {
    // Not the path of the binary, which may have been replaced meanwhile.
    const SELF: &str = "/proc/self/exe";
    std::path::Path::new(SELF).exists().then(|| {
        let mut command = Command::new(SELF);
        command.arg0("ratepilot").arg("tied").arg(std::process::id().to_string()).arg("--").args(words);
        command
    })
}

#[cfg(not(target_os = "linux"))]
fn tied(_: &[OsString]) -> Option<Command> {
    None
}

/// Becomes the command; answers only where that cannot be.
#[cfg(target_os = "linux")]
pub fn become_tied(args: &crate::args::Tied) -> Fault {
    use std::os::unix::process::CommandExt;

    let [name, arguments @ ..] = args.command.as_slice() else {
        return Fault::call(anyhow!("there is no command"));
    };
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return Fault::failure(error);
    }
    // It may have ended before it was asked for.
    if rustix::process::getppid() != Pid::from_raw(args.parent) {
        return Fault::failure(anyhow!("the process {} that started this one has ended", args.parent));
    }
    cannot_run(name, &std::process::Command::new(name).args(arguments).exec())
}
