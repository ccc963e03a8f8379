//! A primary, its replicas, and Sentinels that watch over them.

use redis::Value;

use crate::options::Options;
use crate::patience::wait_until;
use crate::server::Server;

/// One primary with replicas, with or without Sentinels. Every server has its own process, to kill, stop and restart.
#[derive(Debug)]
pub struct Replicated {
    servers: Vec<Server>,
    sentinels: Vec<Server>,
}

impl Replicated {
    /// What the Sentinels call the primary.
    pub const NAME: &str = "primary";

    /// A primary and `replicas` replicas that hold what it holds.
    #[track_caller]
    pub fn new(replicas: usize) -> Self {
        Self::with(replicas, &Options::default())
    }

    /// The same, each server with these options.
    #[track_caller]
    pub fn with(replicas: usize, options: &Options) -> Self {
        let servers: Vec<_> = (0..=replicas).map(|_| Server::with(options.clone())).collect();
        for replica in &servers[1..] {
            follow(replica, &servers[0]);
        }
        let group = Self { servers, sentinels: Vec::new() };
        group.wait_in_sync();
        group
    }

    /// A primary and `replicas` replicas, watched by three Sentinels, of which two decide. They take a primary for gone
    /// after a second.
    #[track_caller]
    pub fn with_sentinels(replicas: usize) -> Self {
        let mut group = Self::new(replicas);
        let primary = group.servers[0].port();
        let monitor = format!("monitor {} 127.0.0.1 {primary} 2", Self::NAME);
        let options = Options::default()
            .sentinel()
            .set("sentinel", &monitor)
            .set("sentinel", &format!("down-after-milliseconds {} 1000", Self::NAME))
            .set("sentinel", &format!("failover-timeout {} 3000", Self::NAME));
        group.sentinels = (0..3).map(|_| Server::with(options.clone())).collect();
        for sentinel in &group.sentinels {
            let all_known = |what: &str, count: usize| {
                let known: Vec<Value> = sentinel.ask(&["SENTINEL", what, Self::NAME]);
                known.len() == count
            };
            wait_until("the Sentinels know each other", || all_known("SENTINELS", 2));
            wait_until("the Sentinels know the replicas", || all_known("REPLICAS", replicas));
        }
        group
    }

    /// Every server, in the order in which they were started.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The Sentinels.
    pub fn sentinels(&self) -> &[Server] {
        &self.sentinels
    }

    /// The server that is the primary by its own account; where two are, the one that was started first.
    ///
    /// # Panics
    /// Where none is within a minute.
    #[track_caller]
    pub fn primary(&self) -> &Server {
        let mut found = None;
        wait_until("there is a primary", || {
            found = self.servers.iter().find(|server| role(server).as_deref() == Some("master"));
            found.is_some()
        });
        found.expect("it was found")
    }

    /// The servers that are replicas by their own account.
    pub fn replicas(&self) -> Vec<&Server> {
        self.servers.iter().filter(|server| role(server).as_deref() == Some("slave")).collect()
    }

    /// Returns when the replicas hold all that the primary held at this moment.
    #[track_caller]
    pub fn wait_in_sync(&self) {
        let offset = |server: &Server| server.info("master_repl_offset").parse::<u64>().unwrap_or_default();
        let reached = offset(self.primary());
        wait_until("the replicas are in sync", || {
            self.replicas()
                .iter()
                .all(|replica| replica.info("master_link_status") == "up" && offset(replica) >= reached)
        });
    }

    /// An operator's failover: a replica is promoted, and the old primary and the others follow it. Connections stay
    /// open, so clients of the old primary now talk to a replica.
    ///
    /// # Panics
    /// Where there is no replica.
    #[track_caller]
    pub fn fail_over(&self) {
        let old = self.primary();
        let new = self.replicas().into_iter().next().expect("there is a replica to promote");
        new.ask::<()>(&["REPLICAOF", "NO", "ONE"]);
        for other in self.replicas().into_iter().chain([old]) {
            follow(other, new);
        }
        self.wait_in_sync();
    }

    /// Returns the new primary once all Sentinels that run name the same one, which is not `old` and knows its role.
    #[track_caller]
    pub fn wait_promoted(&self, old: &Server) -> &Server {
        let mut found = None;
        wait_until("the Sentinels have chosen another primary", || {
            let mut named = self.sentinels.iter().filter(|sentinel| sentinel.is_running()).map(named_by);
            let first = named.next();
            let agreed = first.filter(|port| *port != old.port() && named.all(|other| other == *port));
            found = self.servers.iter().find(|server| agreed == Some(server.port()));
            found.and_then(role).as_deref() == Some("master")
        });
        found.expect("it was found")
    }
}

/// The port of the primary by the account of a Sentinel.
#[track_caller]
fn named_by(sentinel: &Server) -> u16 {
    let (_, port): (String, u16) = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Replicated::NAME]);
    port
}

/// What a server says that it is; `None`: it does not answer.
fn role(server: &Server) -> Option<String> {
    // One that is stopped would be asked in vain for a long time.
    let role: Vec<Value> = server.is_running().then(|| server.cli(&["ROLE"]).ok())??;
    redis::from_redis_value_ref(role.first()?).ok()
}

#[track_caller]
fn follow(replica: &Server, primary: &Server) {
    replica.ask::<()>(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Data;

    #[test]
    fn a_replica_is_promoted_and_the_primary_demoted() {
        let group = Replicated::new(1);
        let old = group.primary();
        old.ask::<()>(&["SET", "key", "value"]);
        group.wait_in_sync();
        group.fail_over();
        let new = group.primary();
        assert_ne!(new.port(), old.port());
        assert_eq!(new.ask::<String>(&["GET", "key"]), "value");
        let refused = old.cli::<()>(&["SET", "key", "other"]).expect_err("it is a replica now");
        assert_eq!(refused.code(), Some("READONLY"));
        new.ask::<()>(&["SET", "key", "other"]);
        group.wait_in_sync();
        assert_eq!(old.ask::<String>(&["GET", "key"]), "other");
    }

    #[test]
    fn sentinels_replace_a_primary_that_was_killed() {
        let group = Replicated::with_sentinels(2);
        let old = group.primary();
        assert!(group.sentinels().iter().all(|sentinel| named_by(sentinel) == old.port()));
        old.ask::<()>(&["SET", "key", "value"]);
        group.wait_in_sync();
        old.kill9();
        let new = group.wait_promoted(old);
        assert_eq!(new.ask::<String>(&["GET", "key"]), "value");
        old.restart(Data::Lost);
        wait_until("the old primary follows the new one", || group.replicas().len() == 2);
        group.wait_in_sync();
        assert_eq!(old.ask::<String>(&["GET", "key"]), "value");
    }
}
