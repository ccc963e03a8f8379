//! One connection through the proxy.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::Counts;
use super::requests::Requests;
use super::switches::{Flow, Switches, Way};

/// Chunks under way in one direction; with more, the sender has to wait as with any full pipe.
const UNDER_WAY: usize = 1024;
const CHUNK_BYTES: usize = 16 * 1024;

/// A chunk and when it is due.
type Chunk = (Instant, Vec<u8>);

/// What both directions of a connection need to know.
struct Connection<'a> {
    counts: &'a Counts,
    /// When it was opened.
    era: u64,
    /// Bytes were swallowed, so that the rest would make no sense to anybody.
    torn: AtomicBool,
}

/// Passes bytes in both directions until one side ends the connection, or the switches do.
pub(super) async fn serve(client: TcpStream, switches: watch::Receiver<Switches>, counts: &Counts) {
    let (era, target) = (switches.borrow().era, switches.borrow().target);
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    // Neither may wait for more before it sends; a socket that cannot be told so is slower, no more.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let connection = Connection { counts, era, torn: AtomicBool::new(false) };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = connection.forward(from_client, to_server, switches.clone(), |now| now.requests, Count::requests()) => {}
        () = connection.forward(from_server, to_client, switches.clone(), |now| now.replies, Count::Replies) => {}
        () = connection.wait_end(switches) => {}
    }
}

/// How what was delivered is counted.
enum Count {
    Requests(Requests),
    Replies,
}

impl Connection<'_> {
    /// Passes bytes in one direction until `from` ends and all was delivered, or `to` takes no more.
    async fn forward(
        &self,
        from: OwnedReadHalf,
        to: OwnedWriteHalf,
        switches: watch::Receiver<Switches>,
        way: fn(&Switches) -> Way,
        count: Count,
    ) {
        let (sender, receiver) = mpsc::channel(UNDER_WAY);
        let take = take(from, sender, switches.clone(), way);
        let deliver = self.deliver(to, receiver, switches, way, count);
        // What was taken is delivered even when no more comes; but where nothing can be delivered, nothing is taken.
        tokio::pin!(deliver);
        tokio::select! {
            () = &mut deliver => {}
            () = take => deliver.await,
        }
    }

    async fn deliver(
        &self,
        mut to: OwnedWriteHalf,
        mut chunks: mpsc::Receiver<Chunk>,
        mut switches: watch::Receiver<Switches>,
        way: fn(&Switches) -> Way,
        mut count: Count,
    ) {
        while let Some((due, bytes)) = chunks.recv().await {
            sleep_until(due).await;
            let Ok(now) = switches.wait_for(|now| way(now).flow != Flow::Hold).await.map(|now| *now) else {
                return;
            };
            if self.is_over(&now) {
                return;
            }
            if way(&now).flow == Flow::Swallow {
                self.torn.store(true, Ordering::Relaxed);
                self.counts.swallowed.fetch_add(bytes.len() as u64, Ordering::AcqRel);
            } else {
                // Counted first: whoever has the answer finds its request in the count.
                count.add(&bytes, self.counts);
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn wait_end(&self, mut switches: watch::Receiver<Switches>) {
        // An error: the proxy is gone.
        let _ = switches.wait_for(|now| self.is_over(now)).await;
    }

    fn is_over(&self, now: &Switches) -> bool {
        now.era != self.era || (self.torn.load(Ordering::Relaxed) && !now.swallows())
    }
}

/// Reads until the connection ends, and says of each chunk when it is due.
async fn take(
    mut from: OwnedReadHalf,
    chunks: mpsc::Sender<Chunk>,
    switches: watch::Receiver<Switches>,
    way: fn(&Switches) -> Way,
) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let due = Instant::now() + way(&switches.borrow()).delay;
        if chunks.send((due, buffer[..read].to_vec())).await.is_err() {
            return;
        }
    }
}

impl Count {
    fn requests() -> Self {
        Self::Requests(Requests::default())
    }

    fn add(&mut self, bytes: &[u8], counts: &Counts) {
        match self {
            Self::Requests(requests) => {
                counts.requests.fetch_add(requests.count(bytes), Ordering::AcqRel);
                counts.to_server.fetch_add(bytes.len() as u64, Ordering::AcqRel);
            }
            Self::Replies => {
                counts.to_client.fetch_add(bytes.len() as u64, Ordering::AcqRel);
            }
        }
    }
}
