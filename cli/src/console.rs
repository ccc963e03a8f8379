//! What is said on stdout and stderr.

use std::io::{self, Write};

use crate::fault::Fault;

/// Prints on stdout. That nobody reads it any more (`| head`) is not a fault.
///
/// # Errors
/// Where it cannot be written for another reason.
pub fn say(text: &str) -> Result<(), Fault> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Fault::failure(anyhow::anyhow!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something on stderr that is no fault.
pub fn note(text: std::fmt::Arguments<'_>) {
    // Where stderr is closed, there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "note: {text}");
}
