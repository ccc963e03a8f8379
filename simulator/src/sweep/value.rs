//! A setting's value.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A setting's value, of the kind that the setting has.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number, not negative.
    Whole(u64),
    /// Any other number.
    Real(f64),
}

impl Value {
    /// As a place on an axis; a flag is 0 or 1.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Flag(flag) => f64::from(u8::from(flag)),
            Self::Whole(number) => number as f64,
            Self::Real(number) => number,
        }
    }
}

/// As TOML has it: `true`, `60`, `0.7`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number:?}"),
        }
    }
}

/// By size; of equal size, by kind.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        let kind = |value: &Self| match value {
            Self::Flag(_) => 0,
            Self::Whole(_) => 1,
            Self::Real(_) => 2,
        };
        match (self, other) {
            (Self::Whole(one), Self::Whole(two)) => one.cmp(two),
            _ => self.as_f64().total_cmp(&other.as_f64()).then(kind(self).cmp(&kind(other))),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_and_read_as_what_it_is() {
        for value in [Value::Flag(true), Value::Whole(60), Value::Whole(u64::MAX), Value::Real(60.0)] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
        }
        assert_eq!([Value::Real(1.0), Value::Real(0.7)].map(|value| value.to_string()), ["1.0", "0.7"]);
    }
}
