//! What was probably meant.

use strsim::{damerau_levenshtein, jaro_winkler};

/// The longest word that is compared: the effort grows with the square of the length.
const LONGEST: usize = 100;
/// The likeness (Jaro and Winkler's) from which on a word may be another one cut short.
const ALIKE: f64 = 0.85;

/// The one of `known` that `word` was probably meant to be; `None` where none is near.
///
/// Near is a third of the longer word's letters, at most, wrong, missing, added or swapped; or else a word that
/// begins alike and then was cut short. Upper case and `-` for `_` are not counted. Among equally near ones the first
/// wins.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = plain(word);
    if word.len() > LONGEST {
        return None;
    }
    let known: Vec<_> = known.into_iter().filter(|candidate| candidate.len() <= LONGEST).collect();
    let mistyped = known
        .iter()
        .map(|candidate| (damerau_levenshtein(&word, &plain(candidate)), *candidate))
        .filter(|(distance, candidate)| distance * 3 <= word.chars().count().max(candidate.chars().count()))
        .min_by_key(|(distance, _)| *distance);
    let cut_short = || {
        known
            .iter()
            .map(|candidate| (jaro_winkler(&word, &plain(candidate)), *candidate))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .reduce(|best, other| if other.0 > best.0 { other } else { best })
            .map(|(_, candidate)| candidate)
    };
    mistyped.map(|(_, candidate)| candidate).or_else(cut_short)
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_understood_and_strangers_are_not() {
        let known = ["calls_per_hour", "calls_per_minute", "concurrency", "window", "window_s"];
        let cases = [
            ("calls_per_hours", Some("calls_per_hour")),
            ("calls_per_min", Some("calls_per_minute")),
            ("Calls-Per-Minute", Some("calls_per_minute")),
            ("concurency", Some("concurrency")),
            ("windows", Some("window")),
            ("window_seconds", Some("window_s")),
            ("conc", Some("concurrency")),
            ("soft_wall", None),
            ("", None),
        ];
        for (word, meant) in cases {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }
}
