//! Where the store is: one server, a primary that Sentinels know, or a cluster, as a URL says it.

use std::fmt;

use redis::IntoConnectionInfo;

use crate::store_error::{StoreError, StoreProblem};

/// A parsed URL. It may hold a password, so it shows its hosts only.
#[derive(Clone)]
pub(crate) struct Address {
    pub(super) nodes: Vec<redis::ConnectionInfo>,
    pub(super) topology: Topology,
}

#[derive(Clone)]
pub(super) enum Topology {
    Single,
    Cluster,
    /// The name of the primary, and how to connect to it.
    Sentinel {
        primary: String,
        node: redis::RedisConnectionInfo,
        tls: bool,
    },
}

const HOW: &str = "give redis://host:6379/0 (rediss:// for TLS, redis+unix:///path for a socket), \
                   redis+cluster://host:6379,host:6379 or redis+sentinel://host:26379,host:26379/primary/0";

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        let url = url.trim();
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(bad("it has no scheme"));
        };
        match scheme.split_once('+') {
            Some((scheme, "cluster")) => {
                let nodes = nodes(scheme, rest, "")?;
                Ok(Self { nodes, topology: Topology::Cluster })
            }
            Some((scheme, "sentinel")) => {
                let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
                let (primary, database) = path.split_once('/').unwrap_or((path, "0"));
                if primary.is_empty() {
                    return Err(bad("the name of the primary is missing after the Sentinels"));
                }
                let node = info(&format!("redis://{}localhost/{database}", credentials(hosts)))?;
                // Sentinels have users of their own; the URL's are those of the primary.
                let hosts = hosts.rsplit_once('@').map_or(hosts, |(_, hosts)| hosts);
                Ok(Self {
                    nodes: nodes(scheme, hosts, "")?,
                    topology: Topology::Sentinel {
                        primary: primary.to_owned(),
                        node: node.redis_settings().clone(),
                        tls: matches!(scheme, "rediss" | "valkeys"),
                    },
                })
            }
            _ => Ok(Self { nodes: vec![info(url)?], topology: Topology::Single }),
        }
    }
}

/// `user:password@` of a list of hosts, if it begins with that.
fn credentials(hosts: &str) -> &str {
    hosts.rfind('@').map_or("", |at| &hosts[..=at])
}

fn nodes(scheme: &str, list: &str, path: &str) -> Result<Vec<redis::ConnectionInfo>, StoreError> {
    let list = list.trim_end_matches('/');
    let credentials = credentials(list);
    list[credentials.len()..]
        .split(',')
        .map(|host| info(&format!("{scheme}://{credentials}{host}{path}")))
        .collect()
}

fn info(url: &str) -> Result<redis::ConnectionInfo, StoreError> {
    // The parser's own words may repeat the URL, and with it a password.
    url.into_connection_info().map_err(|error| match error.detail() {
        Some(detail) if !detail.contains('@') => bad(detail),
        _ => bad("it cannot be read"),
    })
}

fn bad(what: &str) -> StoreError {
    StoreError::new(StoreProblem::Url, format!("{what}; {HOW}"))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, node) in self.nodes.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}", node.addr())?;
        }
        match &self.topology {
            Topology::Single => Ok(()),
            Topology::Cluster => f.write_str(" (cluster)"),
            Topology::Sentinel { primary, .. } => write!(f, " (Sentinels of {primary})"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        Address::parse(url).map_or_else(|error| format!("error: {error}"), |address| address.to_string())
    }

    #[test]
    fn urls_of_every_topology_are_read_and_shown_without_their_secrets() {
        assert_eq!(shown("redis://localhost"), "localhost:6379");
        assert_eq!(shown("rediss://u:secret@r.example:7000/3"), "r.example:7000");
        assert_eq!(shown("redis+unix:///run/redis.sock"), "/run/redis.sock");
        assert_eq!(shown("redis+cluster://:secret@a:1,b:2,c"), "a:1, b:2, c:6379 (cluster)");
        assert_eq!(
            shown("redis+sentinel://:secret@a:26379,b:26379/main/2"),
            "a:26379, b:26379 (Sentinels of main)"
        );
    }

    #[test]
    fn a_sentinel_url_gives_its_user_and_database_to_the_primary() {
        let address = Address::parse("rediss+sentinel://ann:secret@a:1/main/2").unwrap();
        let Topology::Sentinel { node, tls, .. } = &address.topology else { panic!("not Sentinel") };
        assert_eq!(
            (node.db(), node.username(), node.password(), *tls),
            (2, Some("ann"), Some("secret"), true)
        );
        assert_eq!(address.nodes[0].redis_settings().password(), None);
    }

    #[test]
    fn what_is_no_url_says_how_one_looks_and_repeats_no_secret() {
        for url in
            ["localhost:6379", "http://u:secret@x", "redis://u:secret@:x/y", "redis+sentinel://a:1", ""]
        {
            let error = shown(url);
            assert!(error.starts_with("error: ") && error.contains("redis://host:6379/0"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
