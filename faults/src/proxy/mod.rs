//! A proxy in front of a server that does on request what networks do now and then.

mod connection;
mod requests;
mod switches;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::patience::wait_until;
use crate::port::Port;
use crate::server::Server;
use switches::{Flow, Switches};

/// A TCP proxy on a port of its own. It runs on its own thread in real time, whatever the test's runtime and clock do.
///
/// Every switch is in force when its function returns, also for connections that are open. Nothing is ever lost in the
/// middle of a connection that goes on, as TCP loses nothing: a connection whose bytes were swallowed is closed by
/// [`Proxy::pass`]. A connection that the server does not take is accepted and closed.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    switches: watch::Sender<Switches>,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

/// What went through a [`Proxy`] since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections that were accepted.
    pub connections: u64,
    /// Those of them that are open now.
    pub open: u64,
    /// Commands of which the first byte reached the server. Within TLS they cannot be told.
    pub requests: u64,
    /// Bytes that reached the server.
    pub to_server: u64,
    /// Bytes that reached clients.
    pub to_client: u64,
    /// Bytes that were swallowed, of both directions.
    pub swallowed: u64,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    open: AtomicU64,
    requests: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
    swallowed: AtomicU64,
    listening: AtomicBool,
}

impl Proxy {
    /// One that leads to `server` and lets everything pass.
    #[track_caller]
    pub fn before(server: &Server) -> Self {
        Self::to(server.port())
    }

    /// One that leads to a port of the loopback and lets everything pass.
    #[track_caller]
    pub fn to(target: u16) -> Self {
        let (switches, receiver) = watch::channel(Switches::passing(target));
        let (port, counts) = (Port::reserve(), Arc::new(Counts::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("there are threads and sockets for a proxy");
        let accept = accept(port.number(), receiver, Arc::clone(&counts));
        let thread = std::thread::spawn(move || runtime.block_on(accept));
        let proxy = Self { port, switches, counts, thread: Some(thread) };
        proxy.wait_listening(true);
        proxy
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// Lets everything pass at once, and listens: what was held is delivered, what was swallowed is gone with its
    /// connection.
    #[track_caller]
    pub fn pass(&self) {
        self.switches.send_modify(|now| *now = Switches { era: now.era, ..Switches::passing(now.target) });
        self.wait_listening(true);
    }

    /// Delivers from now on so much later, in each direction: requests, replies.
    pub fn delay(&self, requests: Duration, replies: Duration) {
        self.switches.send_modify(|now| (now.requests.delay, now.replies.delay) = (requests, replies));
    }

    /// Requests reach the server; its replies wait here until [`Proxy::pass`], and come then.
    pub fn hold_replies(&self) {
        self.switches.send_modify(|now| now.replies.flow = Flow::Hold);
    }

    /// Requests reach the server; its replies never come.
    pub fn swallow_replies(&self) {
        self.switches.send_modify(|now| now.replies.flow = Flow::Swallow);
    }

    /// Connections are accepted, and nothing comes through in either direction.
    pub fn black_hole(&self) {
        self.switches.send_modify(|now| {
            (now.requests.flow, now.replies.flow) = (Flow::Swallow, Flow::Swallow);
        });
    }

    /// Closes all connections. New ones are as welcome as before.
    pub fn cut(&self) {
        self.switches.send_modify(|now| now.era += 1);
    }

    /// Refuses new connections, as if nothing listened. Those that are open go on; [`Proxy::cut`] them as well to be gone.
    #[track_caller]
    pub fn refuse(&self) {
        self.switches.send_modify(|now| now.listens = false);
        self.wait_listening(false);
    }

    /// Leads new connections to another port of the loopback, as a name does that is given to another server.
    pub fn lead_to(&self, target: u16) {
        self.switches.send_modify(|now| now.target = target);
    }

    /// What went through.
    pub fn traffic(&self) -> Traffic {
        let read = |count: &AtomicU64| count.load(Ordering::Acquire);
        Traffic {
            connections: read(&self.counts.connections),
            open: read(&self.counts.open),
            requests: read(&self.counts.requests),
            to_server: read(&self.counts.to_server),
            to_client: read(&self.counts.to_client),
            swallowed: read(&self.counts.swallowed),
        }
    }

    #[track_caller]
    fn wait_listening(&self, listening: bool) {
        wait_until("the proxy listens or refuses as it was told", || {
            self.counts.listening.load(Ordering::Acquire) == listening
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.switches.send_modify(|now| now.ended = true);
        if let Some(thread) = self.thread.take() {
            // It only fails where it has panicked, which its test has seen.
            let _ = thread.join();
        }
    }
}

/// Accepts connections while the switches say so, until they say that it is over.
async fn accept(port: u16, switches: watch::Receiver<Switches>, counts: Arc<Counts>) {
    let mut turned = switches.clone();
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the port is reserved");
        counts.listening.store(true, Ordering::Release);
        loop {
            tokio::select! {
                biased;
                _ = turned.wait_for(|now| now.ended || !now.listens) => break,
                accepted = listener.accept() => {
                    // A client that is gone already is none.
                    let Ok((client, _)) = accepted else { continue };
                    counts.connections.fetch_add(1, Ordering::AcqRel);
                    counts.open.fetch_add(1, Ordering::AcqRel);
                    let (switches, counts) = (switches.clone(), Arc::clone(&counts));
                    tokio::spawn(async move {
                        connection::serve(client, switches, &counts).await;
                        counts.open.fetch_sub(1, Ordering::AcqRel);
                    });
                }
            }
        }
        drop(listener);
        counts.listening.store(false, Ordering::Release);
        // The runtime ends with this function, and its connections with it.
        if turned.wait_for(|now| now.ended || now.listens).await.is_ok_and(|now| now.ended) {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
