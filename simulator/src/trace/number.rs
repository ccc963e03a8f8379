//! Fields as numbers: from bytes, without an allocation, and never negative, infinite or no number.

use std::borrow::Cow;

use limiter_core::{Micros, Time};

use super::error::Fault;

/// Beyond this a unit is wrong: ten years of 365.25 days.
pub(super) const TEN_YEARS: Micros = Micros::from_secs(315_576_000);

/// Until the year 2286, so that seconds since 1970 are allowed; below 2^53 µs, so that `f64` rounds to the µs.
const MAX_SECONDS: f64 = 9_999_999_999.0;

/// A number as it is written.
#[derive(Clone, Copy)]
pub(super) enum Number<'a> {
    /// A field of a row.
    Text(&'a [u8]),
    /// A value that JSON has already read.
    Value(f64),
}

impl Number<'_> {
    fn get(self) -> Option<f64> {
        match self {
            Self::Text(field) => std::str::from_utf8(field.trim_ascii()).ok()?.parse().ok(),
            Self::Value(value) => Some(value),
        }
    }

    /// The fault of a number that is not what was `expected`.
    pub(super) fn fault(self, column: &'static str, expected: impl Into<Cow<'static, str>>) -> Fault {
        match self {
            Self::Text(field) => Fault::field(column, field, expected),
            Self::Value(value) => Fault::field(column, value.to_string().as_bytes(), expected),
        }
    }

    /// A finite number from `least` to `most`.
    pub(super) fn within(self, column: &'static str, least: f64, most: f64) -> Result<f64, Fault> {
        let number = self.get().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| self.fault(column, format!("a number from {least} to {most}")))
    }

    /// Seconds on a file's own clock, rounded to microseconds.
    pub(super) fn seconds(self, column: &'static str) -> Result<Time, Fault> {
        let seconds = self.get().filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds));
        seconds.map(Time::from_secs_f64).ok_or_else(|| self.fault(column, "seconds, a number from 0"))
    }

    /// Milliseconds on a file's own clock, rounded to microseconds.
    pub(super) fn milliseconds(self, column: &'static str) -> Result<Time, Fault> {
        let millis = self.get().filter(|millis| (0.0..=MAX_SECONDS * 1e3).contains(millis));
        // Not divided by a thousand first, which would round twice.
        millis
            .map(|millis| Time::from_micros((millis * 1e3).round() as u64))
            .ok_or_else(|| self.fault(column, "milliseconds, a number from 0"))
    }

    /// A span of seconds, rounded to microseconds.
    pub(super) fn span(self, column: &'static str) -> Result<Micros, Fault> {
        let span = self.seconds(column)?.since(Time::ZERO);
        if span > TEN_YEARS {
            return Err(self.fault(column, "seconds, at most ten years"));
        }
        Ok(span)
    }

    /// A whole number of tokens. What pandas writes for a column with gaps, `374.0`, is one.
    pub(super) fn tokens(self, column: &'static str) -> Result<u32, Fault> {
        self.whole(u32::MAX)
            .ok_or_else(|| self.fault(column, format!("a whole number from 0 to {}", u32::MAX)))
    }

    /// A call's number.
    pub(super) fn id(self, column: &'static str) -> Result<u64, Fault> {
        let whole = match self {
            // Numbers above 2^53 are not all doubles.
            Self::Text(field) => std::str::from_utf8(field).ok().and_then(|text| text.parse().ok()),
            Self::Value(value) => {
                ((0.0..=9e15).contains(&value) && value.fract() == 0.0).then_some(value as u64)
            }
        };
        whole.ok_or_else(|| self.fault(column, "a whole number from 0"))
    }

    /// A priority.
    pub(super) fn priority(self, column: &'static str) -> Result<u8, Fault> {
        let priority = self.whole(u32::from(u8::MAX)).and_then(|whole| u8::try_from(whole).ok());
        priority.ok_or_else(|| self.fault(column, "a whole number from 0 to 255"))
    }

    fn whole(self, most: u32) -> Option<u32> {
        if let Self::Text(field) = self
            && let Some(whole) = digits(field)
        {
            return (whole <= most).then_some(whole);
        }
        let number = self.get()?;
        // In this range the cast is exact.
        ((0.0..=f64::from(most)).contains(&number) && number.fract() == 0.0).then_some(number as u32)
    }
}

/// The common case, several times faster than by way of `f64`.
fn digits(field: &[u8]) -> Option<u32> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0_u32, |whole, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        whole.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_to_the_nearest_microsecond() {
        for (field, micros) in [
            ("0", 0),
            ("-0", 0),
            (" 1.5 ", 1_500_000),
            ("0.0000005", 1),
            ("1e2", 100_000_000),
            ("315575999.999999", 315_575_999_999_999),
        ] {
            assert_eq!(Number::Text(field.as_bytes()).seconds("t"), Ok(Time::from_micros(micros)), "{field}");
        }
        assert_eq!(Number::Value(0.0005).milliseconds("t"), Ok(Time::from_micros(1)));
    }

    #[test]
    fn what_is_no_time_is_a_fault() {
        for field in ["", "-1", "-1e-9", "nan", "inf", "-inf", "1e999", "1e10", "1,5", "x", "\u{661}", "0x10"]
        {
            assert!(Number::Text(field.as_bytes()).seconds("t").is_err(), "{field}");
        }
        assert!(Number::Text(b"\xff").seconds("t").is_err());
        assert!(Number::Text(b"315576001").span("t").is_err());
    }

    #[test]
    fn tokens_are_whole_numbers_that_fit() {
        for (field, tokens) in [("0", 0), ("374", 374), ("374.0", 374), (" 7 ", 7), ("4294967295", u32::MAX)]
        {
            assert_eq!(Number::Text(field.as_bytes()).tokens("n"), Ok(tokens), "{field}");
        }
        for field in ["", "-1", "1.5", "4294967296", "99999999999999999999", "nan", "1 2"] {
            assert!(Number::Text(field.as_bytes()).tokens("n").is_err(), "{field}");
        }
        assert_eq!(Number::Text(b"255").priority("n"), Ok(255));
        assert!(Number::Value(256.0).priority("n").is_err());
    }
}
