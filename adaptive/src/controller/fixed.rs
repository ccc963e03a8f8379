//! No law at all: what most services do today.

use limiter_core::{Limits, Time};
use serde::{Deserialize, Serialize};

use crate::adjustment::Reason;
use crate::controller::Controller;
use crate::outcome::Feedback;

/// Keeps the limits that it was started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixed;

impl Controller for Fixed {
    fn observe(&mut self, _: &Feedback, _: &Limits, _: Time) -> Option<(Limits, Reason)> {
        None
    }

    fn wake(&mut self, _: &Limits, _: Time) -> Option<(Limits, Reason)> {
        None
    }

    fn next_wake(&self) -> Option<Time> {
        None
    }
}
