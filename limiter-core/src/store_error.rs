//! What can be wrong with a store that is reached over a network.

use thiserror::Error;

/// The store did not answer, or not as it should.
///
/// What a caller sees of it is up to the limiter's [`Fallback`](crate::Fallback): by default calls go on under a share of
/// the last known limits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}: {detail}")]
pub struct StoreError {
    /// What kind of trouble it is, and what to do about it.
    pub problem: StoreProblem,
    /// What the store or the network said. Never a password.
    pub detail: String,
}

/// What kind of trouble there is with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum StoreProblem {
    /// The URL is none.
    #[error("the URL of the store cannot be used")]
    Url,
    /// No connection, or it broke.
    #[error("the store cannot be reached; see that it runs, and that host and port are right")]
    Unreachable,
    /// It did not answer in time.
    #[error("the store did not answer in time; see whether it is overloaded or stopped")]
    Slow,
    /// User or password is missing or wrong.
    #[error("the store wants another user or password; give them in the URL as redis://user:password@host")]
    Login,
    /// The user may not do what the limiter has to do.
    #[error(
        "the store's user lacks a permission; it needs the keys and channels of the prefix, and the commands that \
         docs/REDIS.md lists"
    )]
    Permission,
    /// It answers, but not as Redis does.
    #[error("what answers at this address is not Redis")]
    NotRedis,
    /// Writes are refused: a replica, or a primary that was demoted.
    #[error("the store is read-only, as a replica is; give the address of the primary, or use Sentinel")]
    ReadOnly,
    /// It is not ready yet: loading its data, or a cluster without all its slots.
    #[error("the store is not ready")]
    NotReady,
    /// It has no memory left for what it is to keep.
    #[error("the store is out of memory; raise maxmemory, or give the limiter a store of its own")]
    OutOfMemory,
    /// A key of the limiter's names holds something else.
    #[error("a key of this pool is in use for something else; give the limiter another prefix or database")]
    WrongType,
    /// Anything else.
    #[error("the store answered with an error")]
    Other,
}

impl StoreError {
    pub(crate) fn new(problem: StoreProblem, detail: impl Into<String>) -> Self {
        Self { problem, detail: detail.into() }
    }
}

#[cfg(feature = "redis")]
impl From<redis::RedisError> for StoreError {
    fn from(error: redis::RedisError) -> Self {
        use redis::{ErrorKind, ServerErrorKind};
        let problem = match (error.kind(), error.code()) {
            (_, Some("WRONGTYPE")) => StoreProblem::WrongType,
            (_, Some("OOM")) => StoreProblem::OutOfMemory,
            (_, Some("NOAUTH" | "WRONGPASS" | "DENIED")) | (ErrorKind::AuthenticationFailed, _) => {
                StoreProblem::Login
            }
            // Of what the nodes of a cluster answered to the first connections only the words are left.
            _ if error.to_string().contains("AuthenticationFailed") => StoreProblem::Login,
            (_, Some("BUSY" | "MISCONF")) => StoreProblem::NotReady,
            // What the scripts may not do; only newer servers have a code for it.
            _ if error.detail().is_some_and(|text| {
                text.contains("user executing the script can't") || text.contains("ACL failure in script")
            }) =>
            {
                StoreProblem::Permission
            }
            _ if error.to_string().contains("switch database") || error.to_string().contains("DB index") => {
                StoreProblem::Url
            }
            (ErrorKind::Server(kind), _) => match kind {
                ServerErrorKind::ReadOnly => StoreProblem::ReadOnly,
                ServerErrorKind::NoPerm => StoreProblem::Permission,
                ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::TryAgain => StoreProblem::NotReady,
                _ => StoreProblem::Other,
            },
            (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, _) => StoreProblem::NotRedis,
            (ErrorKind::InvalidClientConfig, _) => StoreProblem::Url,
            (ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::ClusterConnectionNotFound, _) => {
                StoreProblem::Unreachable
            }
            _ if error.is_timeout() => StoreProblem::Slow,
            (ErrorKind::Io, _) => StoreProblem::Unreachable,
            _ => StoreProblem::Other,
        };
        Self::new(problem, error.to_string())
    }
}
