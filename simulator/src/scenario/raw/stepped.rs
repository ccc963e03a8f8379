//! A number, or steps over the hours.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IntoDeserializer, SeqAccess, Visitor};
use settings::{Cursor, SettingsError};

use super::super::Steps;
use super::{MAX_HOUR, after_hours};

/// A number, or steps `[[hour, number], …]`.
pub(super) enum Stepped<T> {
    /// The number that holds throughout.
    Constant(T),
    /// From which hour on which number holds.
    Steps(Vec<(f64, T)>),
}

impl<T: Copy> Stepped<T> {
    /// The steps, each number as `check` makes it of the written one and its key.
    pub(super) fn resolve<U: Copy>(
        &self,
        at: &Cursor<'_>,
        check: impl Fn(T, &Cursor<'_>) -> Result<U, SettingsError>,
    ) -> Result<Steps<U>, SettingsError> {
        let written = match self {
            Self::Constant(value) => return check(*value, at).map(Steps::constant),
            Self::Steps(written) => written,
        };
        let mut steps = Vec::with_capacity(written.len());
        for (index, (hour, value)) in written.iter().enumerate() {
            let (hour_at, value_at) = (at.index(index).index(0), at.index(index).index(1));
            let moment = after_hours(hour_at.within(*hour, 0.0..=MAX_HOUR, "")?);
            match steps.last() {
                None if *hour != 0.0 => {
                    return Err(hour_at.reject("must be 0: the first step holds from the start"));
                }
                Some((before, _)) if moment <= *before => {
                    return Err(hour_at.reject("must be later than the step before: steps rise in time"));
                }
                _ => steps.push((moment, check(*value, &value_at)?)),
            }
        }
        Steps::new(steps).ok_or_else(|| at.reject("must hold at least one step [hour, value]"))
    }
}

/// By hand, because serde's untagged enums lose the place and the reason of an error.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Stepped<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SteppedVisitor(PhantomData))
    }
}

struct SteppedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SteppedVisitor<T> {
    type Value = Stepped<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or steps [[hour, value], …]")
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
        T::deserialize(number.into_deserializer()).map(Stepped::Constant)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        T::deserialize(number.into_deserializer()).map(Stepped::Constant)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        T::deserialize(number.into_deserializer()).map(Stepped::Constant)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut steps: A) -> Result<Self::Value, A::Error> {
        let mut read = Vec::new();
        while let Some(step) = steps.next_element()? {
            read.push(step);
        }
        Ok(Stepped::Steps(read))
    }
}
