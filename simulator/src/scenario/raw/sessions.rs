//! `[arrivals.sessions]`: what the sessions are.

use serde::Deserialize;
use settings::{Cursor, SettingsError};

use super::super::{LogNormal, Session, SessionMix};
use super::log_normal::RawLogNormal;

const MAX_WEIGHT: f64 = 1e6;
const MAX_CALLS: u32 = 1_000;
const MAX_PAUSE_S: f64 = 86_400.0;

const CHAIN: Session = Session { weight: 0.5, calls: (2, 4), pause_s: LogNormal { median: 0.5, sigma: 0.5 } };
const REACT: Session =
    Session { weight: 0.35, calls: (3, 8), pause_s: LogNormal { median: 1.5, sigma: 0.6 } };
const FAN_OUT: Session =
    Session { weight: 0.15, calls: (3, 6), pause_s: LogNormal { median: 0.3, sigma: 0.4 } };

impl Default for SessionMix {
    /// What a knowledge-base service asks for: half chains, the rest agents and graph queries.
    fn default() -> Self {
        Self { chain: CHAIN, react: REACT, fan_out: FAN_OUT }
    }
}

/// The table's keys: the kinds of session.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSessions {
    #[serde(default)]
    chain: RawSession,
    #[serde(default)]
    react: RawSession,
    #[serde(default)]
    fan_out: RawSession,
}

/// One kind; what is left out is what it is by default.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSession {
    weight: Option<f64>,
    calls: Option<(u32, u32)>,
    pause_s: RawLogNormal,
}

impl RawSessions {
    pub(super) fn resolve(&self, at: &Cursor<'_>) -> Result<SessionMix, SettingsError> {
        let mix = SessionMix {
            chain: self.chain.resolve(&at.key("chain"), CHAIN)?,
            react: self.react.resolve(&at.key("react"), REACT)?,
            fan_out: self.fan_out.resolve(&at.key("fan_out"), FAN_OUT)?,
        };
        if [mix.chain, mix.react, mix.fan_out].iter().all(|session| session.weight == 0.0) {
            return Err(at.reject("must give at least one kind of session a `weight` above 0"));
        }
        Ok(mix)
    }
}

impl RawSession {
    fn resolve(&self, at: &Cursor<'_>, default: Session) -> Result<Session, SettingsError> {
        let (fewest, most) = self.calls.unwrap_or(default.calls);
        let calls = at.key("calls");
        calls.index(0).within(fewest, 1..=MAX_CALLS, "")?;
        calls.index(1).within(most, fewest..=MAX_CALLS, "`calls` is [fewest, most]")?;
        Ok(Session {
            weight: at.key("weight").within(self.weight.unwrap_or(default.weight), 0.0..=MAX_WEIGHT, "")?,
            calls: (fewest, most),
            pause_s: self.pause_s.resolve(&at.key("pause_s"), default.pause_s, 0.0..=MAX_PAUSE_S)?,
        })
    }
}
