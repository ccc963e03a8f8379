//! Three primaries that share the slots, with or without replicas.

use std::ops::RangeInclusive;

use redis::Value;

use crate::options::Options;
use crate::patience::wait_until;
use crate::server::Server;

/// The slots of each primary at the beginning.
const SLOTS: [RangeInclusive<u16>; 3] = [0..=5460, 5461..=10_922, 10_923..=16_383];

/// A cluster of three primaries, each with none or one replica.
#[derive(Debug)]
pub struct Cluster {
    /// First the primaries in the order of their slots, then their replicas in the same order.
    nodes: Vec<Server>,
}

impl Cluster {
    /// Three primaries.
    #[expect(clippy::new_without_default, reason = "it starts processes, which is no default")]
    #[track_caller]
    pub fn new() -> Self {
        Self::start(SLOTS.len())
    }

    /// Three primaries, each with a replica. A primary that is gone for a second is replaced.
    #[track_caller]
    pub fn with_replicas() -> Self {
        let cluster = Self::start(2 * SLOTS.len());
        for (primary, replica) in cluster.nodes.iter().zip(&cluster.nodes[SLOTS.len()..]) {
            replica.ask::<()>(&["CLUSTER", "REPLICATE", &id(primary)]);
            wait_until("the replica is in sync", || replica.info("master_link_status") == "up");
            // Until its primary knows it as its own, it would not make room for it.
            wait_until("the nodes know of the replica", || {
                cluster.nodes.iter().all(|node| {
                    let known = node.cli::<Vec<String>>(&["CLUSTER", "REPLICAS", &id(primary)]);
                    known.is_ok_and(|replicas| replicas.len() == 1)
                })
            });
        }
        cluster
    }

    /// Every node: the three that were primaries at first, then their replicas in the same order.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// The addresses of all nodes, for a client to begin with.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    /// The slot of a key.
    #[track_caller]
    pub fn slot(&self, key: &str) -> u16 {
        self.running().ask(&["CLUSTER", "KEYSLOT", key])
    }

    /// The primary that serves a slot, by the account of the nodes that run.
    ///
    /// # Panics
    /// Where none does within a minute.
    #[track_caller]
    pub fn owner(&self, slot: u16) -> &Server {
        let mut found = None;
        wait_until("some node serves the slot", || {
            found = self.nodes.iter().find(|node| node.is_running() && serves(node, slot));
            found.is_some()
        });
        found.expect("it was found")
    }

    /// Takes the first steps of a move: the keys of `slot` are still where they were, and their owner answers questions
    /// for keys that it does not have with ASK.
    #[track_caller]
    pub fn begin_move(&self, slot: u16, to: &Server) {
        let from = self.owner(slot);
        let slot = slot.to_string();
        to.ask::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]);
        from.ask::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]);
    }

    /// Moves a slot with its keys. Its old owner answers MOVED from then on.
    #[track_caller]
    pub fn move_slot(&self, slot: u16, to: &Server) {
        let from = self.owner(slot);
        if from.port() == to.port() {
            return;
        }
        self.begin_move(slot, to);
        let (text, port) = (slot.to_string(), to.port().to_string());
        loop {
            let keys: Vec<String> = from.ask(&["CLUSTER", "GETKEYSINSLOT", &text, "100"]);
            if keys.is_empty() {
                break;
            }
            let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            migrate.extend(keys.iter().map(String::as_str));
            from.ask::<Value>(&migrate);
        }
        // The new owner first: it alone can make the move known under a higher epoch.
        for node in [to, from] {
            node.ask::<()>(&["CLUSTER", "SETSLOT", &text, "NODE", &id(to)]);
        }
        wait_until("the nodes know of the move", || {
            self.nodes.iter().all(|node| names(node, slot, to.port()))
        });
    }

    /// The replica of a slot's owner takes its place; nothing is lost. Returns the new owner.
    ///
    /// # Panics
    /// Where that node has no replica.
    #[track_caller]
    pub fn fail_over(&self, slot: u16) -> &Server {
        let old = self.owner(slot);
        let replica = self.replica_of(old);
        replica.ask::<()>(&["CLUSTER", "FAILOVER"]);
        self.wait_replaced(slot, old)
    }

    /// Returns the new owner of a slot as soon as it is another than `old`, and the nodes that run agree.
    #[track_caller]
    pub fn wait_replaced(&self, slot: u16, old: &Server) -> &Server {
        wait_until("the slot has another owner", || self.owner(slot).port() != old.port());
        self.wait_agreed();
        self.owner(slot)
    }

    #[track_caller]
    fn start(nodes: usize) -> Self {
        let options = Options::default()
            .set("cluster-enabled", "yes")
            .set("cluster-node-timeout", "1000")
            // A replica may take over however long ago it heard from its primary.
            .set("cluster-replica-validity-factor", "0");
        let nodes: Vec<_> = (0..nodes).map(|_| Server::with(options.clone())).collect();
        let first = nodes[0].port().to_string();
        for (epoch, node) in (1..).zip(&nodes) {
            node.ask::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &u64::to_string(&epoch)]);
            if epoch > 1 {
                node.ask::<()>(&["CLUSTER", "MEET", "127.0.0.1", &first]);
            }
        }
        for (node, slots) in nodes.iter().zip(SLOTS) {
            let slots: Vec<_> = slots.map(|slot| slot.to_string()).collect();
            let mut command = vec!["CLUSTER", "ADDSLOTS"];
            command.extend(slots.iter().map(String::as_str));
            node.ask::<()>(&command);
        }
        let cluster = Self { nodes };
        cluster.wait_agreed();
        cluster
    }

    /// Returns when the nodes that run see a healthy cluster, and name the same owners.
    #[track_caller]
    fn wait_agreed(&self) {
        wait_until("the nodes agree on a healthy cluster", || {
            let running = || self.nodes.iter().filter(|node| node.is_running());
            running().all(|node| {
                let info: String = node.ask(&["CLUSTER", "INFO"]);
                let known = format!("cluster_known_nodes:{}\r", self.nodes.len());
                info.contains("cluster_state:ok") && info.contains(&known)
            }) && SLOTS.iter().all(|slots| {
                let owner = self.owner(*slots.start()).port();
                running().all(|node| names(node, *slots.start(), owner))
            })
        });
    }

    #[track_caller]
    fn replica_of(&self, primary: &Server) -> &Server {
        let port = primary.port().to_string();
        let mut running = self.nodes.iter().filter(|node| node.is_running());
        running.find(|node| node.info("master_port") == port).expect("the node has a replica")
    }

    #[track_caller]
    fn running(&self) -> &Server {
        self.nodes.iter().find(|node| node.is_running()).expect("a node runs")
    }
}

#[track_caller]
fn id(node: &Server) -> String {
    node.ask(&["CLUSTER", "MYID"])
}

/// Does this node serve the slot itself, as a primary?
fn serves(node: &Server, slot: u16) -> bool {
    node.info("role") == "master" && names(node, slot, node.port())
}

/// Does this node name the one at `port` as the slot's owner?
fn names(node: &Server, slot: u16, port: u16) -> bool {
    let ranges: Vec<Vec<Value>> = node.ask(&["CLUSTER", "SLOTS"]);
    ranges.iter().any(|range| match range.as_slice() {
        [Value::Int(from), Value::Int(to), Value::Array(owner), ..] => {
            (*from..=*to).contains(&slot.into()) && owner.get(1) == Some(&Value::Int(port.into()))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_sends_away_who_asks_for_the_slots_of_another() {
        let cluster = Cluster::new();
        let slot = cluster.slot("{pool}");
        let owner = cluster.owner(slot);
        let other = cluster.nodes().iter().find(|node| node.port() != owner.port()).expect("there are three");
        owner.ask::<()>(&["SET", "{pool}", "value"]);
        let moved = other.cli::<String>(&["GET", "{pool}"]).expect_err("it is another's");
        assert_eq!(moved.redirect_node(), Some((format!("127.0.0.1:{}", owner.port()).as_str(), slot)));

        cluster.begin_move(slot, other);
        let ask = owner.cli::<String>(&["GET", "{pool}:absent"]).expect_err("it is on its way");
        assert_eq!(ask.code(), Some("ASK"));
        cluster.move_slot(slot, other);
        assert_eq!(cluster.owner(slot).port(), other.port());
        assert_eq!(other.ask::<String>(&["GET", "{pool}"]), "value");
        assert_eq!(owner.cli::<String>(&["GET", "{pool}"]).expect_err("it has moved").code(), Some("MOVED"));
    }

    #[test]
    fn replicas_take_over() {
        let cluster = Cluster::with_replicas();
        let slot = cluster.slot("key");
        let old = cluster.owner(slot);
        let new = cluster.fail_over(slot);
        assert_ne!(new.port(), old.port());
        let moved = old.cli::<()>(&["SET", "key", "value"]).expect_err("it is a replica now");
        assert_eq!(moved.code(), Some("MOVED"));

        new.ask::<()>(&["SET", "key", "value"]);
        assert_eq!(new.ask::<u64>(&["WAIT", "1", "5000"]), 1);
        new.kill9();
        let third = cluster.wait_replaced(slot, new);
        assert_eq!(third.port(), old.port());
        assert_eq!(third.ask::<String>(&["GET", "key"]), "value");
    }
}
