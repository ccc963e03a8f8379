//! A process that does not outlive this one.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A running process, killed when this is dropped, and also when this process ends without dropping anything.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// A shell that reads from a pipe of ours; when we are gone, the pipe ends, and it kills the child and clears up.
    watch: Child,
}

impl Process {
    /// Starts `command`. Where this process ends without dropping anything, `folder` is removed as well.
    pub(crate) fn spawn(command: &mut Command, folder: &Path) -> std::io::Result<Self> {
        // A group of their own: an interrupt from the keyboard ends the test, and that ends them.
        let mut child = command.stdin(Stdio::null()).process_group(0).spawn()?;
        let watch = Command::new("sh")
            .args(["-c", "read -r _; kill -9 \"$0\"; rm -rf \"$1\"", &child.id().to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match watch {
            Ok(watch) => Ok(Self { child, watch }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// Sends a signal; a process that has ended does not mind.
    pub(crate) fn signal(&self, signal: Signal) {
        // It is reaped by us alone, so that the number cannot have become another's.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has it ended by itself?
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.watch);
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // Both only fail where it has ended before.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use rustix::process::test_kill_process;
    use tempfile::TempDir;

    use super::*;
    use crate::wait_until;

    fn is_alive(id: u32) -> bool {
        let id = Pid::from_raw(id.try_into().expect("a process's number is small"));
        test_kill_process(id.expect("it is not 0")).is_ok()
    }

    fn sleeping(folder: &Path) -> Process {
        Process::spawn(Command::new("sleep").arg("600"), folder).expect("sleep is there")
    }

    #[test]
    fn it_ends_when_dropped_even_where_it_was_stopped() {
        let folder = TempDir::new().expect("a folder for temporary files");
        let process = sleeping(folder.path());
        let id = process.id();
        process.signal(Signal::STOP);
        assert!(is_alive(id));
        drop(process);
        assert!(!is_alive(id));
    }

    #[test]
    fn it_ends_when_we_end_without_a_word() {
        let folder = TempDir::new().expect("a folder for temporary files");
        let mut process = sleeping(folder.path());
        // What remains of us after a kill -9: a pipe that ends.
        drop(process.watch.stdin.take());
        wait_until("the watch has killed it", || process.has_ended());
        wait_until("the watch has cleared up", || !folder.path().exists());
    }
}
