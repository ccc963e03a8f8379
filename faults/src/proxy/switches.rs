//! What a proxy does at the moment.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(super) struct Switches {
    /// The server's port.
    pub(super) target: u16,
    pub(super) listens: bool,
    pub(super) requests: Way,
    pub(super) replies: Way,
    /// Connections of an earlier era are to be closed.
    pub(super) era: u64,
    /// The proxy is being dropped.
    pub(super) ended: bool,
}

/// What happens in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) flow: Flow,
    pub(super) delay: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Pass,
    Hold,
    Swallow,
}

impl Switches {
    pub(super) fn passing(target: u16) -> Self {
        let way = Way { flow: Flow::Pass, delay: Duration::ZERO };
        Self { target, listens: true, requests: way, replies: way, era: 0, ended: false }
    }

    pub(super) fn swallows(&self) -> bool {
        self.requests.flow == Flow::Swallow || self.replies.flow == Flow::Swallow
    }
}
