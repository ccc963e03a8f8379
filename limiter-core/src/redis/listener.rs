//! Hears by a channel of this process whom of its waiters the scripts that other processes ran have let through.

use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use redis::Msg;
use tokio::time::sleep;

use super::Home;
use super::link::{Link, Standing};
use super::reply::parse_message;

const PAUSE: Duration = Duration::from_millis(500);

/// Listens for as long as the store lives. What is lost on the way is noticed at the heartbeats.
pub(super) async fn listen(home: Weak<Home>, link: Arc<Link>, channel: String) {
    let mut store = link.watch();
    let mut refused = false;
    for node in 0.. {
        // That the sender is gone means that this task is about to be aborted.
        let _ = store.wait_for(|standing| matches!(standing, Standing::Up { .. })).await;
        let epoch = link.epoch();
        match link.subscribe(&channel, node).await {
            Ok(mut subscription) => {
                refused = false;
                // What was said meanwhile was not heard.
                let Some(waited_for) = home.upgrade().map(|home| home.waited_for()) else { return };
                waited_for.iter().for_each(|gate| gate.ask_again());
                // A silent connection looks like one to a server that is gone, so it ends with the other one.
                let mut lost = pin!(store.wait_for(|_| link.epoch() != epoch));
                let mut messages = subscription.on_message();
                loop {
                    tokio::select! {
                        message = messages.next() => match (message, home.upgrade()) {
                            (Some(message), Some(home)) => home.hear(&message),
                            _ => break,
                        },
                        _ = &mut lost => break,
                    }
                }
                tracing::debug!(store = %link.address(), "lost the channel");
            }
            Err(error) if !refused => {
                refused = true;
                tracing::warn!(%error, "cannot listen to the channel; waiters ask at each heartbeat");
            }
            Err(_) => {}
        }
        sleep(PAUSE).await;
    }
}

impl Home {
    fn hear(&self, message: &Msg) {
        let heard = message.get_payload::<String>().ok();
        if let Some((number, news)) = heard.as_deref().and_then(parse_message)
            && let Some(gate) = self.gate_of(number)
        {
            gate.hear(number, news);
        }
    }
}
