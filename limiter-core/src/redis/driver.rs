//! What runs beside the callers of a pool: its heartbeats, what it tells the store of calls that ended, and the timer of
//! the queue's head. One task a pool, while there is anything in flight or anybody waiting, and no longer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::gate::Gate;

/// How long a pool without its store is left alone when nothing is heard of the store's return.
const PAUSE: Duration = Duration::from_millis(500);

/// Drives a pool that is marked as driven, until it is idle.
pub(super) async fn drive(gate: Arc<Gate>) {
    let span = gate.home.settings.window.span();
    let mut store = gate.home.link.watch();
    loop {
        let wake = {
            let now = gate.now();
            let mut state = gate.lock();
            let out = state.epoch.is_none() || state.epoch != gate.home.link.epoch();
            if !state.is_busy() && !state.owes(now, span) {
                state.driven = false;
                return;
            }
            // Who is out joins at once, and an ending is told at once.
            let at_once = out || !state.outbox.is_empty();
            let alarm = if at_once { Some(Instant::now()) } else { state.alarm };
            alarm.map_or(state.next_beat, |alarm| alarm.min(state.next_beat))
        };
        if wake > Instant::now() {
            tokio::select! {
                () = gate.changed.notified() => continue,
                // The store came back, or went.
                _ = store.changed() => continue,
                () = sleep_until(wake) => {}
            }
        }
        let (partings, beats) = {
            let due = Instant::now();
            let mut state = gate.lock();
            if state.alarm.is_some_and(|alarm| alarm <= due) {
                state.alarm = None;
            }
            (state.take_partings(), state.next_beat <= due)
        };
        if let Err(error) = gate.turn(&partings, beats, false).await {
            tracing::trace!(pool = gate.name(), %error, "no turn");
            store.mark_unchanged();
            gate.drop_outbox();
            let _ = timeout(PAUSE, store.changed()).await;
        }
    }
}
