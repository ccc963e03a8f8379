//! What holds for every text.

use proptest::prelude::*;

use super::super::super::Scenario;
use super::EVERY_KEY;

/// A valid scenario's text, over the whole width of what is allowed.
fn valid_text() -> impl Strategy<Value = String> {
    let head = (0.01..8_784.0, 0.0..0.99, "[a-z][a-z0-9-]{0,99}");
    let arrivals = (
        prop::sample::select(vec!["poisson", "sessions", "saturated"]),
        0.001..100_000.0,
        1_u32..1_000,
        1.0..86_400.0,
        (1.0..1e9, 0.0..=5.0),
    );
    let provider = (
        prop::sample::select(vec!["sliding", "fixed", "token-bucket"]),
        0.01..2_678_400.0,
        prop::collection::vec(1.0..1e6, 1..5),
        -1.0..=1.0,
        1_u64..=1 << 53,
        any::<bool>(),
        0.0..=1.0,
    );
    (head, arrivals, provider).prop_map(|(head, arrivals, provider)| {
        let (hours, warm, name) = head;
        let (process, rate, workers, think_s, (median, sigma)) = arrivals;
        let (window, window_s, limits, swing, concurrency, counts_refused, refuse) = provider;
        let amplitude = swing * (limits.iter().copied().fold(f64::INFINITY, f64::min) - 1.0) * 0.99;
        let steps: Vec<_> = limits.iter().enumerate().map(|(hour, limit)| format!("[{hour}, {limit}]")).collect();
        format!(
            "name = '{name}'\nhours = {hours}\nwarmup_hours = {warmup}\n\
             [arrivals]\nprocess = '{process}'\ncalls_per_hour = {rate}\nworkers = {workers}\nthink_s = {think_s}\n\
             input_tokens = {{ median = {median}, sigma = {sigma} }}\n\
             [provider]\nwindow = '{window}'\nwindow_s = {window_s}\ncalls_per_minute = [{steps}]\n\
             calls_per_minute_diurnal.amplitude = {amplitude}\nconcurrency = {concurrency}\n\
             counts_refused = {counts_refused}\n\
             [[provider.overload]]\nat_hour = 1.5\nminutes = 12\nrefuse = {refuse}\n",
            warmup = hours * warm,
            steps = steps.join(", "),
        )
    })
}

proptest! {
    #[test]
    fn what_is_allowed_is_read(text in valid_text()) {
        let scenario = Scenario::parse("f.toml", &text);
        prop_assert!(scenario.is_ok(), "{}\n{}", scenario.unwrap_err(), text);
    }

    #[test]
    fn no_text_panics(text in ".*") {
        let _ = Scenario::parse("f.toml", &text);
    }

    #[test]
    fn no_damaged_scenario_panics(
        at in any::<prop::sample::Index>(),
        length in 0_usize..6,
        with in prop::sample::select(vec!["", "-", "0", "nan", "1e300", "[", "]]", "'", "\n", "=", "{", ".", "é"]),
    ) {
        let letters: Vec<char> = EVERY_KEY.chars().collect();
        let from = at.index(letters.len());
        let until = (from + length).min(letters.len());
        let text: String =
            letters[..from].iter().copied().chain(with.chars()).chain(letters[until..].iter().copied()).collect();
        let _ = Scenario::parse("f.toml", &text);
    }
}
