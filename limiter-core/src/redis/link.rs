//! The connection to the store: made anew in the background when it breaks, so that no caller waits for a timeout
//! that another has waited for already.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{Sentinel, SentinelNodeConnectionInfo};
use redis::{AsyncConnectionConfig, Client, Cmd, RedisFuture, RedisResult, TlsMode, Value};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::address::{Address, Topology};
use crate::store_error::{StoreError, StoreProblem};
use crate::telemetry;

/// The pauses between two attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A connection that has lasted so long was a good one: the next attempt after it is not put off.
const GOOD: Duration = Duration::from_secs(5);

/// A connection that many tasks share; a clone costs little.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// How it stands with the connection.
#[derive(Clone)]
pub(super) enum Standing {
    /// It was there a moment ago; `epoch` counts connections.
    Up { epoch: u64, connection: Connection },
    /// It broke just now, and the first attempt to make it anew is under way: worth waiting for.
    Trying,
    /// The last attempt failed like this; there are more to come.
    Down(StoreError),
}

/// Keeps one connection.
pub(super) struct Link {
    address: Address,
    /// The longest that the store may take to answer.
    patience: Duration,
    standing: watch::Sender<Standing>,
}

impl Connection {
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer: RedisFuture<'_, Value> = match self {
            Self::One(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        };
        answer.await?.extract_error()
    }
}

impl Link {
    /// Without a connection so far.
    pub(super) fn new(address: Address, patience: Duration) -> Self {
        Self { address, patience, standing: watch::Sender::new(Standing::Trying) }
    }

    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    /// The connection that there is.
    pub(super) fn epoch(&self) -> Option<u64> {
        match &*self.standing.borrow() {
            Standing::Up { epoch, .. } => Some(*epoch),
            Standing::Trying | Standing::Down(_) => None,
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// The connection, or why there is none; waits where the first attempt to make it anew is under way.
    pub(super) async fn connection(&self) -> Result<(u64, Connection), StoreError> {
        let mut watch = self.watch();
        // Connecting has its own timeout; this is for the case that the task which connects is gone.
        let settled =
            timeout(4 * self.patience, watch.wait_for(|standing| !matches!(standing, Standing::Trying)));
        match settled.await.map(|result| result.map(|standing| standing.clone())) {
            Ok(Ok(Standing::Up { epoch, connection })) => Ok((epoch, connection)),
            Ok(Ok(Standing::Down(error))) => Err(error),
            Ok(Ok(Standing::Trying)) | Ok(Err(_)) | Err(_) => Err(StoreError::new(
                StoreProblem::Unreachable,
                "nothing tries to connect: its runtime has ended",
            )),
        }
    }

    /// The connection of `epoch` has failed; where a newer one is there already nothing changes.
    pub(super) fn fail(&self, epoch: u64, error: &StoreError) {
        self.standing.send_if_modified(|standing| {
            let Standing::Up { epoch: current, .. } = standing else { return false };
            if *current != epoch {
                return false;
            }
            tracing::warn!(store = %self.address, %error, "lost the store");
            telemetry::store_is(false);
            // After a break the next attempt may well succeed. A server that answers, but not as it should, will go on so.
            *standing = match error.problem {
                StoreProblem::Unreachable | StoreProblem::Slow => Standing::Trying,
                _ => Standing::Down(error.clone()),
            };
            true
        });
    }

    /// Connects, now and whenever the connection was lost. Never ends.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut watch = self.watch();
        let mut pause = FIRST_PAUSE;
        for epoch in 1.. {
            let connection = loop {
                match self.connect().await {
                    Ok(connection) => break connection,
                    Err(error) => {
                        tracing::debug!(store = %self.address, %error, "cannot connect");
                        self.standing.send_replace(Standing::Down(error));
                    }
                }
                sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            };
            tracing::debug!(store = %self.address, epoch, "connected");
            telemetry::store_is(true);
            self.standing.send_replace(Standing::Up { epoch, connection });
            let since = Instant::now();
            // This task itself holds the sender, so that waiting does not fail.
            let _ = watch.wait_for(|standing| !matches!(standing, Standing::Up { .. })).await;
            if since.elapsed() >= GOOD {
                pause = FIRST_PAUSE;
            }
            let down = matches!(&*watch.borrow(), Standing::Down(_));
            if down || since.elapsed() < GOOD {
                sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
    }

    /// A new connection that has answered once.
    async fn connect(&self) -> Result<Connection, StoreError> {
        let attempt = async {
            let mut connection = match &self.address.topology {
                Topology::Cluster => Connection::Cluster(self.cluster().await?),
                Topology::Single | Topology::Sentinel { .. } => {
                    let config = AsyncConnectionConfig::new()
                        .set_connection_timeout(Some(self.patience))
                        .set_response_timeout(Some(self.patience));
                    let client = self.client(0).await?;
                    Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?)
                }
            };
            connection.send(&redis::cmd("PING")).await.map(|_| connection)
        };
        match timeout(2 * self.patience, attempt).await {
            Ok(result) => result.map_err(|error| StoreError::from(error).at(&self.address)),
            Err(_) => Err(StoreError::new(StoreProblem::Slow, format!("{} did not answer", self.address))),
        }
    }

    async fn cluster(&self) -> RedisResult<ClusterConnection> {
        let mut builder = ClusterClientBuilder::new(self.address.nodes.clone())
            .connection_timeout(self.patience)
            .response_timeout(self.patience)
            .overall_response_timeout(Some(self.patience))
            .retries(3)
            .min_retry_wait(10)
            .max_retry_wait(100);
        if matches!(self.address.nodes[0].addr(), redis::ConnectionAddr::TcpTls { .. }) {
            builder = builder.tls(TlsMode::Secure);
        }
        builder.build()?.get_async_connection().await
    }

    /// A client of the server itself, of the `node`th of a cluster, or of the primary that the Sentinels name.
    async fn client(&self, node: usize) -> RedisResult<Client> {
        let nodes = &self.address.nodes;
        match &self.address.topology {
            Topology::Single | Topology::Cluster => Client::open(nodes[node % nodes.len()].clone()),
            Topology::Sentinel { primary, node, tls } => {
                let mut info = SentinelNodeConnectionInfo::default().set_redis_connection_info(node.clone());
                if *tls {
                    info = info.set_tls_mode(TlsMode::Secure);
                }
                Sentinel::build(self.address.nodes.clone())?.async_master_for(primary, Some(&info)).await
            }
        }
    }

    /// A connection of its own to hear a channel by; in a cluster any node passes messages on, so it may be the `node`th.
    pub(super) async fn subscribe(&self, channel: &str, node: usize) -> Result<PubSub, StoreError> {
        let attempt = async {
            let mut connection = self.client(node).await?.get_async_pubsub().await?;
            connection.subscribe(channel).await?;
            Ok(connection)
        };
        match timeout(2 * self.patience, attempt).await {
            Ok(result) => {
                result.map_err(|error: redis::RedisError| StoreError::from(error).at(&self.address))
            }
            Err(_) => Err(StoreError::new(StoreProblem::Slow, format!("{} did not answer", self.address))),
        }
    }
}

impl StoreError {
    fn at(mut self, address: &Address) -> Self {
        self.detail = format!("{address}: {}", self.detail);
        self
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("address", &self.address).finish_non_exhaustive()
    }
}
