//! Waiting for what has to happen soon.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// After that the machine is not slow, but something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns as soon as `happened` says so. It is asked every few milliseconds, on this thread, for a minute at most.
///
/// # Panics
/// Where the minute passes first, with the words of `what`.
#[track_caller]
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < PATIENCE, "waited for {PATIENCE:?} in vain until {what}");
        sleep(Duration::from_millis(5));
    }
}
