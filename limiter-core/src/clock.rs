//! The clock of the limiter in memory: the one place of this crate that reads one.

use tokio::time::Instant;

use crate::time::Time;

/// Monotonic time since the limiter was built, in whole microseconds rounded down.
///
/// It is tokio's, so that a test under `tokio::time::pause` moves it; outside of a runtime that is std's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    /// A clock that begins now.
    pub(crate) fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        let elapsed = Instant::now().saturating_duration_since(self.epoch);
        // `as_micros` would divide 128-bit numbers; this is on the path of every call.
        Time::from_micros(elapsed.as_secs() * 1_000_000 + u64::from(elapsed.subsec_micros()))
    }

    /// The moment of `time`; `None`: beyond what a timer can hold.
    ///
    /// At that moment [`Clock::now`] is at least `time`, so that nobody is woken too early to be served.
    pub(crate) fn instant(&self, time: Time) -> Option<Instant> {
        self.epoch.checked_add(time.since(Time::ZERO).into())
    }
}
