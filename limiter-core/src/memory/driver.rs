//! What wakes waiters whose time has come: one task for a pool, while somebody waits there and no longer.
//!
//! A task of its own rather than the first waiter's: a caller may hold its place without polling it (in a
//! `select!` whose other arm is busy, say), and those behind it must not be held up by that.

use std::sync::Arc;
use std::time::Duration;

use super::gate::Gate;
use super::runtime;

/// Starts the driver of `gate`, which must be marked as driven.
///
/// # Panics
/// Outside of a tokio runtime with time enabled, as every timer of tokio does.
pub(super) fn spawn(gate: Arc<Gate>) {
    let post = Post { gate, relieved: false };
    // Without a timer this panics here, in the caller that waits, and not in a task that nobody watches.
    drop(runtime::sleep(Duration::ZERO));
    runtime::spawn(drive(post));
}

/// The driver's post; leaving it without being relieved tells the gate.
struct Post {
    gate: Arc<Gate>,
    relieved: bool,
}

async fn drive(mut post: Post) {
    while let Some(alarm) = post.gate.attend() {
        post.gate.rest(alarm).await;
    }
    post.relieved = true;
}

impl Drop for Post {
    fn drop(&mut self) {
        if !self.relieved {
            self.gate.lose_driver();
        }
    }
}
