//! What people and systems send to end a process.

use std::fs::File;

use rustix::process::{Signal, getpgrp};
use rustix::termios::tcgetpgrp;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::fault::Fault;

/// Hears of signals instead of ending by them.
pub struct Signals {
    interrupt: Stream,
    terminate: Stream,
    quit: Stream,
}

impl Signals {
    /// From now on. A hang-up is not among them: whoever runs this under `nohup` wants it to be ignored.
    ///
    /// # Errors
    /// The system's.
    pub fn listen() -> Result<Self, Fault> {
        let listen = |kind| signal(kind).map_err(Fault::failure);
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            quit: listen(SignalKind::quit())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.quit.recv() => Signal::QUIT,
        }
    }
}

/// Whether the command has got `signal` already: a terminal sends what is typed to all of its foreground group, and many
/// programs take a second interrupt for an order to stop at once.
pub fn is_typed(signal: Signal) -> bool {
    let foreground = || tcgetpgrp(File::open("/dev/tty").ok()?).ok();
    [Signal::INT, Signal::QUIT].contains(&signal) && foreground() == Some(getpgrp())
}
