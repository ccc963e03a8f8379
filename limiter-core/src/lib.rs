//! What may be sent now: limits, permits and the queue of those who wait.
//!
//! - [`Limiter`] is what a service uses: `limiter.acquire("pool").await` gives a [`Permit`].
//! - [`Pool`] and [`Ledger`] are what decides, pure functions of state and time: the limiter turns them in real
//!   time, a simulator in virtual time.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use limiter_core::Limiter;
//!
//! let limiter = Limiter::memory().max_calls(5).period(Duration::from_secs(60)).connect().await?;
//! let permit = limiter.acquire("glm-4.6").tokens(800).timeout(Duration::from_secs(10)).await?;
//! assert_eq!((permit.seen().calls, permit.seen().tokens, permit.seen().in_flight), (1, 800, 1));
//! permit.complete(Some(650));
//! assert_eq!(limiter.peek("glm-4.6").await?.seen.tokens, 650);
//! # Ok(())
//! # }
//! ```

mod acquire;
mod builder;
mod clock;
mod decision;
mod error;
#[cfg(feature = "redis")]
mod fallback;
mod gate;
mod ledger;
mod limiter;
mod limits;
mod memory;
mod permit;
mod pool;
mod pool_handle;
mod pool_name;
#[cfg(feature = "redis")]
mod redis;
mod store_error;
mod telemetry;
mod time;

pub use acquire::{Acquire, AcquireFuture};
pub use builder::LimiterBuilder;
pub use decision::{Decision, Grant, GrantId, Priority, Request, Seen, Wait};
pub use error::{
    AcquireError, BadPool, BuildError, LimitError, PoolError, RenewError, SetLimitsError, TooManyPools,
    TryAcquireError,
};
#[cfg(feature = "redis")]
pub use fallback::Fallback;
pub use ledger::Ledger;
pub use limiter::Limiter;
pub use limits::{Dimension, Limits, MAX_LIMIT, Window};
pub use permit::Permit;
pub use pool::{Pool, Ticket};
pub use pool_handle::{PoolHandle, PoolStatus, Sharing};
pub use pool_name::{MAX_POOL_NAME, NameProblem};
#[cfg(feature = "redis")]
pub use redis::{Refusal, StoreFacts};
pub use store_error::{StoreError, StoreProblem};
pub use time::{Micros, Time};
