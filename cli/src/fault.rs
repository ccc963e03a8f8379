//! What went wrong, and whose fault it is: the exit code says which.

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub enum Fault {
    /// The call was wrong: an argument, a configuration, a scenario.
    Call(anyhow::Error),
    /// The call was right, and it went wrong: a file, a trace's rows, a folder.
    Failure(anyhow::Error),
    /// The command to run cannot be: not found, or nothing that can be run.
    Command {
        /// What a shell would exit with: 127 or 126.
        code: u8,
        /// Why.
        error: anyhow::Error,
    },
}

impl Fault {
    /// The call was wrong.
    pub fn call(error: impl Into<anyhow::Error>) -> Self {
        Self::Call(error.into())
    }

    /// It went wrong.
    pub fn failure(error: impl Into<anyhow::Error>) -> Self {
        Self::Failure(error.into())
    }

    /// It went wrong with this file or folder.
    pub fn file(what: &str, path: &std::path::Path, advice: &str, error: impl Display) -> Self {
        Self::Failure(anyhow::anyhow!("cannot {what} {}: {error}; {advice}", path.display()))
    }

    /// 1 or 2; 126 or 127 for a command.
    pub fn code(&self) -> ExitCode {
        match self {
            Self::Failure(_) => ExitCode::from(1),
            Self::Call(_) => ExitCode::from(2),
            Self::Command { code, .. } => ExitCode::from(*code),
        }
    }

    const fn error(&self) -> &anyhow::Error {
        let (Self::Call(error) | Self::Failure(error) | Self::Command { error, .. }) = self;
        error
    }

    /// Says it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let error = self.error();
        writeln!(out, "error: {error}")?;
        // A cause is often already part of what was said about it.
        let mut said = error.to_string();
        for cause in error.chain().skip(1).map(ToString::to_string) {
            if !said.contains(&cause) {
                writeln!(out, "  because: {cause}")?;
                said = cause;
            }
        }
        Ok(())
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self.error(), f)
    }
}
