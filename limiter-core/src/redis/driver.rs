//! What runs beside the callers of a pool: its heartbeats, what it tells the store of calls that ended, and the timer of
//! the queue's head. One task a pool, while there is anything in flight or anybody waiting, and no longer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::gate::Gate;

/// Heartbeats within a lease; a process counts as gone after three quarters of it.
const BEATS: u32 = 4;
/// How long a pool without its store is left alone when nothing is heard of the store's return.
const PAUSE: Duration = Duration::from_millis(500);

/// Drives a pool that is marked as driven, until it is idle.
pub(super) async fn drive(gate: Arc<Gate>) {
    let beat = gate.home.settings.lease / BEATS;
    let mut next_beat = Instant::now() + beat;
    let mut store = gate.home.link.watch();
    loop {
        let alarm = {
            let mut state = gate.lock();
            if !state.is_busy() {
                state.driven = false;
                return;
            }
            // An ending is told at once.
            if state.outbox.is_empty() { state.alarm } else { Some(Instant::now()) }
        };
        let wake = alarm.map_or(next_beat, |alarm| alarm.min(next_beat));
        if wake > Instant::now() {
            tokio::select! {
                () = gate.changed.notified() => {}
                () = sleep_until(wake) => {}
                // The store came back, or went: who is out has to join.
                _ = store.changed() => {}
            }
        }
        let due = Instant::now();
        let partings = {
            let mut state = gate.lock();
            let rings = state.alarm.is_some_and(|alarm| alarm <= due);
            if rings {
                state.alarm = None;
            }
            let out = state.local.is_some() || !*gate.joined.borrow();
            if !rings && state.outbox.is_empty() && due < next_beat && !out {
                continue;
            }
            state.take_partings()
        };
        let beats = due >= next_beat;
        match gate.turn(&partings, beats, false).await {
            Ok(()) if beats => next_beat = Instant::now() + beat,
            Ok(()) => {}
            Err(error) => {
                tracing::trace!(pool = gate.name(), %error, "no turn");
                next_beat = Instant::now() + beat;
                store.mark_unchanged();
                gate.drop_outbox();
                let _ = timeout(PAUSE, store.changed()).await;
            }
        }
    }
}
