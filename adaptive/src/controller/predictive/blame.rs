//! Which of two limits a refusal that names neither is put down to.

use limiter_core::Micros;
use serde::{Deserialize, Serialize};

/// From which share on a limit counts as filled, and as full.
const FILLED: f64 = 0.8;
const FULL: f64 = 0.97;
/// What is kept of earlier calls with each new one that fills the limit.
const KEPT: f64 = 0.995;
/// A level that was changed so lately is not proven to last.
const TRIAL: Micros = Micros::from_secs(180);

/// Recent calls that filled a limit: how many were accepted, and how many refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Brim {
    accepted: f64,
    refused: f64,
}

/// How strongly a refusal speaks against a dimension; the greater, the more, the first difference deciding.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Suspicion {
    /// A limit that was not filled is hardly what was hit.
    filled: bool,
    /// More than had been accepted since it was last cut.
    beyond_proven: bool,
    /// It was full, and changed lately.
    on_trial: bool,
    /// How long ago it was cut, up to the end of a fall: the one that was cut just now was cut in vain.
    spared: Micros,
    /// Of the calls that filled it, how many were refused: few, where another limit is the one that binds.
    refused_share: f64,
    /// How full it was.
    share: f64,
}

impl Brim {
    /// Notes how a call ended that found the limit filled to `share`.
    pub(super) fn note(&mut self, share: f64, was_refused: bool) {
        if share >= FILLED {
            self.accepted = self.accepted * KEPT + f64::from(u8::from(!was_refused));
            self.refused = self.refused * KEPT + f64::from(u8::from(was_refused));
        }
    }

    /// What a refusal says that found the limit filled to `share`, `changed` ago (`None`: it is falling) and cut
    /// `spared` ago.
    pub(super) fn suspicion(
        &self,
        share: f64,
        beyond_proven: bool,
        changed: Option<Micros>,
        spared: Micros,
    ) -> Suspicion {
        Suspicion {
            filled: share >= FILLED,
            beyond_proven,
            on_trial: share >= FULL && changed.is_some_and(|changed| changed < TRIAL),
            spared,
            refused_share: (self.refused + 1.0) / (self.accepted + self.refused + 2.0),
            share,
        }
    }
}
