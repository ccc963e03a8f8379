//! One pool, wherever it is kept.

use std::sync::Arc;

use crate::decision::Request;
use crate::error::{SetLimitsError, TryAcquireError};
use crate::limits::Limits;
use crate::memory;
use crate::permit::Permit;
use crate::pool_handle::PoolStatus;
#[cfg(feature = "redis")]
use crate::redis;
use crate::store_error::StoreError;
use crate::telemetry;
use crate::time::{Micros, Time};

/// A pool of one of the stores.
#[derive(Clone, Debug)]
pub(crate) enum Gate {
    Memory(Arc<memory::Gate>),
    #[cfg(feature = "redis")]
    Redis(Arc<redis::Gate>),
}

impl Gate {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Memory(gate) => gate.name(),
            #[cfg(feature = "redis")]
            Self::Redis(gate) => gate.name(),
        }
    }

    pub(crate) async fn try_acquire(&self, request: Request) -> Result<Permit, TryAcquireError> {
        let result = match self {
            Self::Memory(gate) => match gate.try_enter(&request) {
                Ok(memory::Answer::Granted(grant)) => {
                    Ok(Permit::in_memory(Arc::clone(gate), grant, Micros::ZERO))
                }
                Ok(memory::Answer::TooLarge { limit }) => {
                    Err(TryAcquireError::TooLarge { tokens: request.tokens, limit })
                }
                Err((wait, now)) => {
                    let retry_after = wait.until.map(|until| until.since(now).into());
                    Err(TryAcquireError::Wait { wait, retry_after })
                }
            },
            #[cfg(feature = "redis")]
            Self::Redis(gate) => redis::try_acquire(Arc::clone(gate), request).await,
        };
        if let Err(TryAcquireError::Wait { wait, .. }) = &result {
            telemetry::denied(self.name(), wait.binding, request.tokens, false);
        }
        result
    }

    pub(crate) async fn set_limits(&self, limits: Limits) -> Result<(), SetLimitsError> {
        limits.check()?;
        match self {
            Self::Memory(gate) => gate.set_limits(limits)?,
            #[cfg(feature = "redis")]
            Self::Redis(gate) => drop(gate.limit(limits, None).await?),
        }
        Ok(())
    }

    pub(crate) async fn cut(&self, granted_at: Time, cut: Limits) -> Result<bool, SetLimitsError> {
        cut.check()?;
        Ok(match self {
            Self::Memory(gate) => gate.cut(granted_at, cut)?,
            #[cfg(feature = "redis")]
            Self::Redis(gate) => gate.limit(cut, Some(granted_at)).await?,
        })
    }

    pub(crate) async fn limits(&self) -> Result<Limits, StoreError> {
        Ok(match self {
            Self::Memory(gate) => gate.limits(),
            #[cfg(feature = "redis")]
            Self::Redis(gate) => gate.fresh_limits().await?,
        })
    }

    /// What goes on there; `limits`: those of a pool that was not used yet.
    pub(crate) async fn peek(&self, limits: Limits) -> Result<PoolStatus, StoreError> {
        Ok(match self {
            Self::Memory(gate) => {
                let (seen, waiting, limits) = gate.status();
                PoolStatus { seen, waiting, limits, sharing: None }
            }
            #[cfg(feature = "redis")]
            Self::Redis(gate) => {
                gate.peek(redis::Peek::Look).await?.unwrap_or_else(|| PoolStatus::unused(limits))
            }
        })
    }

    pub(crate) async fn reset(&self) -> Result<(), StoreError> {
        match self {
            Self::Memory(gate) => gate.reset(),
            #[cfg(feature = "redis")]
            Self::Redis(gate) => drop(gate.peek(redis::Peek::Forget).await?),
        }
        Ok(())
    }

    /// That, and `limits` again, which a new pool begins with.
    pub(crate) async fn forget_limits(&self, limits: Limits) -> Result<(), SetLimitsError> {
        match self {
            Self::Memory(gate) => {
                gate.reset();
                gate.set_limits(limits)?;
            }
            #[cfg(feature = "redis")]
            Self::Redis(gate) => gate.forget_limits().await?,
        }
        Ok(())
    }
}
