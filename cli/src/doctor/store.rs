//! What is said of Redis and its clock.

use std::collections::BTreeMap;
use std::time::Duration;

use limiter_core::{Micros, StoreFacts, StoreProblem};

use super::check::Check;

/// The oldest version whose commands the limiter's scripts find.
const OLDEST: (u32, u32) = (6, 2);
/// From here on a round trip, which every permit costs, is felt.
const SLOW: Micros = Micros::from_millis(20);
/// From here on two clocks are not the same.
const APART: i64 = 1_000_000;

type Server = BTreeMap<String, String>;

/// Everything that can be told from `facts`; `timeout`: how long the store may take.
pub fn checks(facts: &StoreFacts, timeout: Duration) -> Vec<Check> {
    let mut checks = vec![Check::ok("redis", format!("{} answers", facts.address)), latency(facts, timeout)];
    match facts.servers.first() {
        None => checks.push(Check::warn(
            "server",
            "the user may not ask for INFO, so version, role and memory are not known",
            "allow +info, or look at them as another user",
        )),
        Some(_) => {
            let servers = facts.servers.as_slice();
            checks.push(version(servers));
            checks.extend(role(servers, facts.cluster));
            checks.extend(cluster(servers, facts.cluster));
            checks.push(eviction(servers));
            checks.push(persistence(servers));
        }
    }
    checks.extend(permissions(facts));
    checks.push(clock(facts.clock_ahead));
    checks
}

fn latency(facts: &StoreFacts, timeout: Duration) -> Check {
    let (Some(middle), Some(longest)) =
        (facts.round_trips.get(facts.round_trips.len() / 2), facts.round_trips.last())
    else {
        return Check::warn("latency", "not measured", "try again");
    };
    let found =
        format!("p50 {}, longest {} of {} pings", millis(*middle), millis(*longest), facts.round_trips.len());
    if Duration::from(*longest) * 2 > timeout {
        let advice = format!("redis.timeout_ms is {}: raise it, or put Redis nearer", timeout.as_millis());
        Check::warn("latency", found, advice)
    } else if *middle >= SLOW {
        Check::warn("latency", found, "every permit costs a round trip: put Redis nearer")
    } else {
        Check::ok("latency", found)
    }
}

fn version(servers: &[Server]) -> Check {
    let mut names = Vec::new();
    for server in servers {
        let name = match server.get("valkey_version") {
            Some(version) => format!("Valkey {version}"),
            None => format!("Redis {}", field(server, "redis_version")),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let found = names.join(", ");
    // Valkey says which Redis it is like.
    let is_old =
        |server: &Server| parsed(field(server, "redis_version")).is_some_and(|version| version < OLDEST);
    if servers.iter().any(is_old) {
        Check::wrong("version", found, "use Redis 6.2 or newer, or Valkey")
    } else {
        Check::ok("version", found)
    }
}

fn parsed(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// In a cluster replicas are found among the nodes, and are none of our business.
fn role(servers: &[Server], cluster: bool) -> Option<Check> {
    let server = servers.first().filter(|_| !cluster)?;
    Some(match field(server, "role") {
        "master" => Check::ok("role", "primary"),
        role => Check::wrong(
            "role",
            format!("it is a {role}"),
            "give the address of the primary, or use redis+sentinel://",
        ),
    })
}

fn cluster(servers: &[Server], cluster: bool) -> Option<Check> {
    let states: Vec<_> = servers.iter().filter_map(|server| server.get("cluster_state")).collect();
    let is_node = servers.iter().any(|server| field(server, "cluster_enabled") == "1");
    if states.iter().any(|state| *state != "ok") {
        let advice = "see CLUSTER INFO and CLUSTER NODES: slots without a node serve no pool";
        return Some(Check::wrong("cluster", "not all of its slots are served", advice));
    }
    match (cluster, is_node) {
        (true, _) => Some(Check::ok("cluster", format!("{} nodes, all slots served", servers.len()))),
        (false, true) => Some(Check::wrong(
            "cluster",
            "the server is a node of a cluster",
            "use redis+cluster:// in the URL",
        )),
        (false, false) => None,
    }
}

fn eviction(servers: &[Server]) -> Check {
    let evicting = servers
        .iter()
        .find(|server| server.get("maxmemory_policy").is_some_and(|policy| policy != "noeviction"));
    match evicting {
        Some(server) => {
            let limit = match field(server, "maxmemory") {
                "0" => "once maxmemory is set",
                _ => "when its memory is full",
            };
            let policy = field(server, "maxmemory_policy");
            let found =
                format!("{policy}: {limit}, it drops keys, among them who is in flight and what was granted");
            Check::warn(
                "eviction",
                found,
                "set maxmemory-policy noeviction, or give the limiter a Redis of its own",
            )
        }
        None => Check::ok("eviction", "noeviction"),
    }
}

fn persistence(servers: &[Server]) -> Check {
    let any = |name: &str, value: &str| servers.iter().any(|server| field(server, name) == value);
    if any("aof_last_write_status", "err") || any("rdb_last_bgsave_status", "err") {
        let advice =
            "see its log and its disk; as it is set by default it refuses writes until that is mended";
        return Check::warn("persistence", "Redis could not save its data", advice);
    }
    // Only part of the truth: whether snapshots are made says CONFIG, which few users may read.
    Check::ok(
        "persistence",
        match any("aof_enabled", "1") {
            true => "append-only file",
            false => {
                "no append-only file: after a restart, processes tell Redis what they have in flight and in the window"
            }
        },
    )
}

/// A line for all that is forbidden, one for what could be done without, and one for all else that did not work.
fn permissions(facts: &StoreFacts) -> Vec<Check> {
    if facts.refusals.is_empty() {
        return vec![Check::ok(
            "permissions",
            "every command and channel works, tried on a pool that is gone again",
        )];
    }
    let (forbidden, failed): (Vec<_>, Vec<_>) =
        facts.refusals.iter().partition(|refusal| refusal.error.problem == StoreProblem::Permission);
    let names = |dispensable| {
        let names = forbidden.iter().filter(|refusal| refusal.dispensable == dispensable);
        names.map(|refusal| refusal.what.as_str()).collect::<Vec<_>>().join(", ")
    };
    let mut checks = Vec::new();
    match names(false).as_str() {
        "" => {}
        names => {
            let advice = "give the user the keys (~) and channels (&) of the prefix and these commands (+); docs/REDIS.md \
                          has the whole line";
            checks.push(Check::wrong("permissions", format!("forbidden: {names}"), advice));
        }
    }
    match names(true).as_str() {
        "" => {}
        names => {
            let advice = "limits are kept all the same; allow PUBLISH and SUBSCRIBE, so that those who wait hear at once \
                          of their turn, and SADD and SMEMBERS for `ratepilot status`";
            checks.push(Check::warn("permissions", format!("forbidden: {names}"), advice));
        }
    }
    if let Some(first) = failed.first() {
        let found = format!("{} failed: {}", first.what, first.error.detail);
        checks.push(Check::wrong("use", found, first.error.problem.to_string()));
    }
    checks
}

fn clock(ahead: Option<i64>) -> Check {
    match ahead {
        None => Check::warn("clock", "Redis does not tell its time", "allow +eval and +time"),
        Some(ahead) => {
            let difference = millis(Micros::new(ahead.unsigned_abs()));
            let side = if ahead < 0 { "behind" } else { "ahead of" };
            let found = format!("Redis is {difference} {side} this machine");
            if ahead.abs() < APART {
                Check::ok("clock", found)
            } else {
                let advice = "limits do not mind, since all processes count in Redis's time, but logs do not match: \
                              synchronise both (NTP)";
                Check::warn("clock", found, advice)
            }
        }
    }
}

fn field<'s>(server: &'s Server, name: &str) -> &'s str {
    server.get(name).map_or("", String::as_str)
}

fn millis(span: Micros) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::super::check::Level;
    use super::*;

    fn server(fields: &[(&str, &str)]) -> Server {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let level = |version: &str| super::version(&[server(&[("redis_version", version)])]).level;
        assert_eq!(level("6.0.20"), Level::Wrong);
        assert_eq!([level("6.2.0"), level("7.0.15"), level("10.0.0")], [Level::Ok; 3]);
        let valkey = server(&[("redis_version", "7.2.4"), ("valkey_version", "8.1.0")]);
        assert_eq!(version(&[valkey]).found, "Valkey 8.1.0");
    }

    #[test]
    fn what_evicts_is_warned_of_with_its_policy() {
        let check = |policy| eviction(&[server(&[("maxmemory", "0"), ("maxmemory_policy", policy)])]);
        assert_eq!(check("noeviction").level, Level::Ok);
        assert_eq!(check("allkeys-lru").level, Level::Warn);
        assert!(check("volatile-ttl").found.starts_with("volatile-ttl: once maxmemory is set"));
    }

    #[test]
    fn clocks_a_second_apart_are_not_the_same() {
        assert_eq!(clock(Some(-999_999)).level, Level::Ok);
        let check = clock(Some(-3_600_000_000));
        assert_eq!(
            (check.level, check.found.as_str()),
            (Level::Warn, "Redis is 3600000.0 ms behind this machine")
        );
    }

    #[test]
    fn a_node_of_a_cluster_wants_the_url_of_a_cluster() {
        let node = server(&[("cluster_enabled", "1"), ("cluster_state", "ok")]);
        let level = |is| cluster(std::slice::from_ref(&node), is).map(|check| check.level);
        assert_eq!((level(false), level(true)), (Some(Level::Wrong), Some(Level::Ok)));
        let broken = server(&[("cluster_enabled", "1"), ("cluster_state", "fail")]);
        assert_eq!(cluster(&[broken], true).map(|check| check.level), Some(Level::Wrong));
    }
}
