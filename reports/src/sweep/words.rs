//! Points and settings in words.

use simulator::sweep::{Point, Setting, SweepResults, Value};

use crate::text;

/// The shortest name that leads to a setting.
pub(crate) fn setting_name(path: &str) -> String {
    Setting::named(path).map_or_else(|_| path.to_owned(), |setting| setting.name().to_owned())
}

/// A value as a person reads it.
pub(crate) fn reads(path: &str, value: Value) -> String {
    let unlimited = Setting::named(path).is_ok_and(|setting| setting.rank(value).is_infinite());
    match value {
        _ if unlimited => "no limit".to_owned(),
        Value::Whole(number) => text::count(number),
        value => value.to_string(),
    }
}

/// `predictive with max_calls_per_minute = 60 and max_concurrency = 5`.
pub(crate) fn point_in_words(point: &Point) -> String {
    let settings: Vec<_> = point
        .settings
        .iter()
        .map(|(path, value)| format!("{} = {}", setting_name(path), reads(path, *value)))
        .collect();
    match settings.split_last() {
        None => point.controller.to_string(),
        Some((only, [])) => format!("{} with {only}", point.controller),
        Some((last, others)) => format!("{} with {} and {last}", point.controller, others.join(", ")),
    }
}

/// What was run: `24 h (1 h warm-up), 30 replications, seed 1`.
pub(crate) fn extent(results: &SweepResults) -> String {
    let warmup = match results.warmup_hours {
        hours if hours > 0.0 => format!(" ({} warm-up)", text::length(hours)),
        _ => String::new(),
    };
    let replications = text::counted(u64::from(results.replications), "replication");
    format!("{}{warmup}, {replications}, seed {}", text::length(results.hours), results.seed)
}
