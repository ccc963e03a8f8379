//! Hears by a channel of this process whom of its waiters the scripts that other processes ran have let through.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::sleep;

use super::Home;
use super::link::Standing;
use super::reply::parse_message;

const PAUSE: Duration = Duration::from_millis(500);

/// Listens for as long as the store lives. What is lost on the way is noticed at the heartbeats.
pub(super) async fn listen(home: Arc<Home>) {
    let channel = format!("{}{}", home.channel(), home.process);
    let mut store = home.link.watch();
    loop {
        // That the sender is gone means that this task is about to be aborted.
        let _ = store.wait_for(|standing| matches!(standing, Standing::Up { .. })).await;
        match home.link.subscribe(&channel).await {
            Ok(mut subscription) => {
                // What was said meanwhile was not heard.
                home.waited_for().iter().for_each(|gate| gate.ask_again());
                let mut messages = subscription.on_message();
                while let Some(message) = messages.next().await {
                    let heard = message.get_payload::<String>().ok();
                    if let Some((number, news)) = heard.as_deref().and_then(parse_message)
                        && let Some(gate) = home.gate_of(number)
                    {
                        gate.hear(number, news);
                    }
                }
                tracing::debug!(store = %home.link.address(), "lost the channel");
            }
            Err(error) => {
                tracing::warn!(%error, "cannot listen to the channel; waiters ask at each heartbeat")
            }
        }
        sleep(PAUSE).await;
    }
}
