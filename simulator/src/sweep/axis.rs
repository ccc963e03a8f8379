//! One dimension of the grid: a setting and its values.

use std::fmt;
use std::str::FromStr;

use adaptive::{LimiterSettings, Settings};

use crate::sweep::setting::{Setting, UnknownSetting};
use crate::sweep::{MOST_POINTS, Value};

/// A setting and the values that it is tried with.
///
/// Written `max_concurrency=2,5,10`, `max_calls_per_minute=20..120:10`, or a mixture of both. A range holds both of its
/// ends; without a step it takes steps of 1.
///
/// ```
/// let axis: simulator::sweep::Axis = "max_calls_per_minute=20..50:10,100".parse()?;
/// assert_eq!(axis.setting.path(), "limiter.max_calls_per_minute");
/// assert_eq!(axis.values.len(), 5);
/// # Ok::<(), simulator::sweep::AxisError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// What is varied.
    pub setting: Setting,
    /// Its values, rising, each once.
    pub values: Vec<Value>,
}

/// A text is no axis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AxisError {
    /// It names no setting, or no values.
    #[error("`{0}` must be KEY=VALUES, as max_concurrency=2,5,10 or max_calls_per_minute=20..120:10")]
    Form(String),
    /// It names a setting that there is not.
    #[error(transparent)]
    Setting(#[from] UnknownSetting),
    /// One of the values is none.
    #[error("`{found}` in the values of `{key}` must be {expected}")]
    Value {
        /// The setting.
        key: String,
        /// What is there.
        found: String,
        /// What belongs there, in words.
        expected: String,
    },
    /// A range or all values together are more than a sweep runs.
    #[error("`{key}` has more than {MOST_POINTS} values: take larger steps, as {key}=20..120:10")]
    TooMany {
        /// The setting.
        key: String,
    },
}

impl Axis {
    /// An axis of these values.
    pub fn new(setting: Setting, mut values: Vec<Value>) -> Self {
        values.sort_by(|one, other| setting.rank(*one).total_cmp(&setting.rank(*other)));
        values.dedup();
        Self { setting, values }
    }
}

/// The axes for who names none: the limits on calls and on calls in flight, from a quarter of what `base` sets to twice
/// as much. Where it sets none, what is set by default is taken.
pub fn default_axes(base: &Settings) -> Result<Vec<Axis>, UnknownSetting> {
    const QUARTERS: [u64; 6] = [1, 2, 3, 4, 6, 8];
    let default = LimiterSettings::default();
    let limits = [
        ("limiter.max_calls_per_minute", base.limiter.max_calls_per_minute, default.max_calls_per_minute),
        ("limiter.max_concurrency", base.limiter.max_concurrency, default.max_concurrency),
    ];
    let axis = |(path, set, default): (&str, u64, u64)| {
        let limit = if set == 0 { default } else { set };
        let part = |quarters: u64| Value::Whole((limit.saturating_mul(quarters) / 4).max(1));
        Ok(Axis::new(Setting::named(path)?, QUARTERS.map(part).to_vec()))
    };
    limits.into_iter().map(axis).collect()
}

/// As it is read, with all values: `limiter.max_concurrency=2,5,10`.
impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<_> = self.values.iter().map(ToString::to_string).collect();
        write!(f, "{}={}", self.setting.path(), values.join(","))
    }
}

impl FromStr for Axis {
    type Err = AxisError;

    fn from_str(text: &str) -> Result<Self, AxisError> {
        let form = || AxisError::Form(text.escape_debug().to_string());
        let (key, items) = text.split_once('=').ok_or_else(form)?;
        let (key, items) = (key.trim(), items.trim());
        if key.is_empty() || items.is_empty() {
            return Err(form());
        }
        let setting = Setting::named(key)?;
        let mut values = Vec::new();
        for item in items.split(',').map(str::trim) {
            match item.split_once("..") {
                Some((from, rest)) => range(&setting, item, from, rest, &mut values)?,
                None => {
                    values.push(setting.read(item).ok_or_else(|| wrong(&setting, item, setting.wants()))?);
                }
            }
            if values.len() > MOST_POINTS {
                return Err(AxisError::TooMany { key: setting.name().to_owned() });
            }
        }
        Ok(Self::new(setting, values))
    }
}

/// The values of `from..to:step`.
fn range(
    setting: &Setting,
    item: &str,
    from: &str,
    rest: &str,
    values: &mut Vec<Value>,
) -> Result<(), AxisError> {
    if !setting.is_number() {
        return Err(wrong(setting, item, setting.wants()));
    }
    let (to, step) = rest.split_once(':').unwrap_or((rest, "1"));
    let numbers = [from, to, step].map(|text| setting.read(text.trim()).map(Value::as_f64));
    let [Some(low), Some(high), Some(size)] = numbers else {
        return Err(wrong(setting, item, "a range FROM..TO:STEP of numbers of the setting's kind"));
    };
    if high < low {
        return Err(wrong(setting, item, "a range that rises: it is empty as it stands"));
    }
    if size <= 0.0 {
        return Err(wrong(setting, item, "a range with a step above 0"));
    }
    // A hair more, so that 0.1..0.3:0.1 ends with 0.3.
    let steps = ((high - low) / size + 1e-9).floor();
    if steps >= MOST_POINTS as f64 {
        return Err(AxisError::TooMany { key: setting.name().to_owned() });
    }
    // 0.1 + 0.2 is not 0.3: sums are rounded to the digits that were written.
    let digits = [from, step].map(decimals).into_iter().max().unwrap_or(0);
    for index in 0..=steps as u32 {
        let value = format!("{:.digits$}", low + f64::from(index) * size);
        values.push(setting.read(&value).ok_or_else(|| wrong(setting, item, setting.wants()))?);
    }
    Ok(())
}

fn decimals(number: &str) -> usize {
    const MOST: usize = 12;
    match number.trim().split_once('.') {
        _ if number.contains(['e', 'E']) => MOST,
        Some((_, fraction)) => fraction.len().min(MOST),
        None => 0,
    }
}

fn wrong(setting: &Setting, found: &str, expected: &str) -> AxisError {
    AxisError::Value {
        key: setting.name().to_owned(),
        found: found.escape_debug().to_string(),
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> String {
        let axis: Axis = text.parse().unwrap();
        axis.values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists_and_ranges_are_read_sorted_and_each_value_once() {
        assert_eq!(values("max_concurrency=10,2, 5,2"), "2 5 10");
        assert_eq!(values("max_calls_per_minute=20..60:20,50"), "20 40 50 60");
        assert_eq!(values("max_concurrency=1..4"), "1 2 3 4");
        assert_eq!(values("max_concurrency=0,4"), "4 0");
        assert_eq!(values("max_calls_per_minute=20..55:10"), "20 30 40 50");
        assert_eq!(values("hits_per_hour=0.1..0.3:0.1"), "0.1 0.2 0.3");
        assert_eq!(values("learn=true,false"), "false true");
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for text in
            ["limiter.max_concurrency=2,5,0", "controller.hits_per_hour=0.1,1.0", "controller.learn=false"]
        {
            assert_eq!(text.parse::<Axis>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn without_a_grid_the_limits_are_tried() {
        let mut base = Settings::default();
        base.limiter.max_concurrency = 3;
        let axes: Vec<_> = default_axes(&base).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(
            axes,
            ["limiter.max_calls_per_minute=15,30,45,60,90,120", "limiter.max_concurrency=1,2,3,4,6"]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("max_concurrency", "must be KEY=VALUES"),
            ("=1", "must be KEY=VALUES"),
            ("max_concurrency=", "must be KEY=VALUES"),
            ("max_concurency=1", "did you mean `max_concurrency`?"),
            ("max_concurrency=1,,2", "`` in the values of `max_concurrency` must be a whole number"),
            ("max_concurrency=2.5", "`2.5` in the values of `max_concurrency` must be a whole number"),
            ("max_concurrency=-1", "must be a whole number, not negative"),
            ("max_concurrency=5..2", "it is empty"),
            ("max_concurrency=1..9:0", "a step above 0"),
            ("hits_per_hour=1..2:-1", "a step above 0"),
            ("hits_per_hour=nan", "must be a number"),
            ("hits_per_hour=0..inf:1", "must be a range"),
            ("max_concurrency=1..9:x", "must be a range"),
            ("max_calls_per_minute=1..18446744073709551615", "more than 10000 values"),
            ("hits_per_hour=0..1:1e-300", "more than 10000 values"),
            ("learn=0..1", "true or false"),
        ];
        for (text, named) in cases {
            let error = text.parse::<Axis>().unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(values in "[0-9a-z.,:= e-]{0,30}") {
            let _ = format!("hits_per_hour={values}").parse::<Axis>();
            let _ = format!("max_concurrency={values}").parse::<Axis>();
            let _ = values.parse::<Axis>();
        }
    }
}
