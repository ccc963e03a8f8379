//! What an operator wants to know of the store before trusting it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value, from_redis_value};
use tokio::time::Instant;

use super::address::Topology;
use super::ask::Mode;
use super::gate::{Gate, Parting};
use super::link::Connection;
use super::{Home, Store};
use crate::decision::Request;
use crate::store_error::StoreError;
use crate::time::Micros;

/// How many round trips are measured.
const PINGS: usize = 21;

/// What was found out about a shared store, by asking it and by trying what the limiter does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreFacts {
    /// Where it is, without user and password.
    pub address: String,
    /// Whether the URL names a cluster.
    pub cluster: bool,
    /// How long some pings took, the shortest first; one at least.
    pub round_trips: Vec<Micros>,
    /// By how many microseconds its clock is ahead of this machine's; negative where it is behind. Right to half a round
    /// trip. `None`: it would not say.
    pub clock_ahead: Option<i64>,
    /// What `INFO` and `CLUSTER INFO` say, field by field, of each server; empty where the user may not ask.
    pub servers: Vec<BTreeMap<String, String>>,
    /// What the limiter does and was not allowed to or could not, with the store's reason.
    pub refusals: Vec<Refusal>,
}

/// Something that the store would not do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// A command, or what was tried in words.
    pub what: String,
    /// Whether limits are kept all the same: without channels those who wait hear of their turn at a heartbeat, and
    /// without the index of names people cannot list pools.
    pub dispensable: bool,
    /// The store's reason.
    pub error: StoreError,
}

impl Store {
    /// Asks and tries all that; leaves nothing behind.
    pub(crate) async fn examine(&self) -> Result<StoreFacts, StoreError> {
        let home = &self.home;
        let (_, mut connection) = home.link.connection().await?;
        let connection = &mut connection;
        let mut round_trips = Vec::with_capacity(PINGS);
        for _ in 0..PINGS {
            let sent = Instant::now();
            connection.send(&redis::cmd("PING")).await?;
            round_trips.push(sent.elapsed().into());
        }
        round_trips.sort_unstable();
        let probe = Arc::new(Gate::probe(home));
        Ok(StoreFacts {
            address: home.link.address().to_string(),
            cluster: matches!(home.link.address().topology, Topology::Cluster),
            round_trips,
            clock_ahead: clock_ahead(connection, &probe).await,
            servers: servers(connection).await,
            refusals: refusals(home, connection, &probe).await,
        })
    }
}

impl Refusal {
    fn new(what: &str, error: StoreError) -> Self {
        const DISPENSABLE: [&str; 4] = ["PUBLISH", "SUBSCRIBE", "SADD", "SMEMBERS"];
        Self { what: what.to_owned(), dispensable: DISPENSABLE.contains(&what), error }
    }
}

impl Gate {
    /// A permit taken and given back, by a process that comes and goes.
    async fn rehearse(self: &Arc<Self>) -> Result<(), StoreError> {
        let number = self.home.number();
        self.ask(number, &Request::default(), self.now(), Mode::Try).await?;
        self.turn(&[Parting::Left { number }], false, true).await
    }
}

/// By a script, since that is asked of one server even in a cluster.
async fn clock_ahead(connection: &mut Connection, probe: &Gate) -> Option<i64> {
    let command = command(&["EVAL", "return redis.call('TIME')", "1", &probe.keys[0]]);
    let before = unix_micros()?;
    let answer = connection.send(&command).await;
    let after = unix_micros()?;
    let (seconds, micros): (i64, i64) = answer.and_then(|answer| Ok(from_redis_value(answer)?)).ok()?;
    Some(seconds * 1_000_000 + micros - (before + (after - before) / 2))
}

#[expect(clippy::disallowed_methods, reason = "to compare this machine's clock is the point")]
fn unix_micros() -> Option<i64> {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_micros()).ok()
}

async fn servers(connection: &mut Connection) -> Vec<BTreeMap<String, String>> {
    let mut servers = texts(connection.send(&redis::cmd("INFO")).await);
    let is_node =
        |server: &BTreeMap<String, String>| server.get("cluster_enabled").is_some_and(|is| is == "1");
    if servers.iter().any(is_node) {
        let states = texts(connection.send(&command(&["CLUSTER", "INFO"])).await);
        for (server, state) in servers.iter_mut().zip(states) {
            server.extend(state);
        }
    }
    servers
}

/// The fields of each answer: one, or in a cluster one a node, by their addresses.
fn texts(answer: RedisResult<Value>) -> Vec<BTreeMap<String, String>> {
    let mut answers = match answer {
        Ok(Value::Map(nodes)) => {
            nodes.into_iter().map(|(node, text)| (from_redis_value(node).ok(), text)).collect()
        }
        Ok(text) => vec![(None::<String>, text)],
        Err(_) => Vec::new(),
    };
    answers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let texts = answers.into_iter().filter_map(|(_, text)| from_redis_value::<String>(text).ok());
    texts.map(|text| fields(&text)).collect()
}

fn fields(text: &str) -> BTreeMap<String, String> {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

/// Everything that the limiter sends and that its scripts call, one by one, and then all together.
async fn refusals(home: &Home, connection: &mut Connection, probe: &Arc<Gate>) -> Vec<Refusal> {
    let [hash, sorted, set, ..] = &probe.keys;
    let index = home.index();
    let channel = format!("{}{}", home.settings.channel(), home.process);
    let tries: [&[&str]; 21] = [
        &["EXISTS", hash],
        &["HSET", hash, "field", "1"],
        &["HGET", hash, "field"],
        &["HMGET", hash, "field"],
        &["HINCRBY", hash, "field", "1"],
        &["HDEL", hash, "field"],
        &["ZADD", sorted, "1", "member"],
        &["ZCARD", sorted],
        &["ZSCORE", sorted, "member"],
        &["ZRANGE", sorted, "0", "0"],
        &["ZREMRANGEBYSCORE", sorted, "-inf", "0"],
        &["ZREMRANGEBYRANK", sorted, "1", "1"],
        &["ZREM", sorted, "member"],
        &["PEXPIRE", sorted, "60000"],
        &["SADD", set, "member"],
        &["SMEMBERS", &index],
        &["TIME"],
        &["EVAL", "return 1", "1", hash],
        &["EVALSHA", "0000000000000000000000000000000000000000", "1", hash],
        &["PUBLISH", &channel, "probe"],
        &["DEL", hash, sorted, set],
    ];
    let mut refusals = Vec::new();
    for words in tries {
        match connection.send(&command(words)).await {
            Err(error) if error.kind() != ErrorKind::Server(ServerErrorKind::NoScript) => {
                refusals.push(Refusal::new(words[0], error.into()));
            }
            _ => {}
        }
    }
    if let Err(error) = home.link.subscribe(&channel, 0).await {
        refusals.push(Refusal::new("SUBSCRIBE", error));
    }
    // What fails one by one fails together.
    if refusals.iter().all(|refusal| refusal.dispensable)
        && let Err(error) = probe.rehearse().await
    {
        refusals.push(Refusal::new("a permit of a pool for trying", error));
    }
    let keys: Vec<_> = std::iter::once("DEL").chain(probe.keys.iter().map(String::as_str)).collect();
    let _ = connection.send(&command(&keys)).await;
    refusals
}

fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(words);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_one_server_and_of_a_cluster_are_told_apart() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let one = texts(Ok(text("# Server\r\nredis_version:7.2.4\r\n\r\nrole:master\r\n")));
        assert_eq!(one.len(), 1);
        assert_eq!((one[0]["redis_version"].as_str(), one[0]["role"].as_str()), ("7.2.4", "master"));
        let nodes = Value::Map(vec![(text("b:1"), text("role:slave")), (text("a:1"), text("role:master"))]);
        let roles: Vec<_> = texts(Ok(nodes)).into_iter().map(|node| node["role"].clone()).collect();
        assert_eq!(roles, ["master", "slave"]);
    }
}
