//! Numbers as people read them: as many digits as carry meaning, and never a unit left out.

use simulator::results::Estimate;

/// Stands for a number that does not exist.
pub const NOTHING: &str = "–";

/// A rate or a mean: `0.41`, `17.3`, `98,765`, `1.2M`.
///
/// ```
/// assert_eq!(reports::text::rate(0.4123), "0.41");
/// assert_eq!(reports::text::rate(98_765.4), "98,765");
/// ```
pub fn rate(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        NOTHING.to_owned()
    } else if size >= 999_999.5 {
        format!("{}{}", if value < 0.0 { "−" } else { "" }, compact(size as u64))
    } else if size >= 99.95 {
        grouped(&format!("{value:.0}"))
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size > 0.0 && size < 0.005 {
        if value > 0.0 { "<0.01".to_owned() } else { "−<0.01".to_owned() }
    } else {
        signed(format!("{value:.2}"))
    }
}

/// A difference, with its sign: `+1.20`, `−0.41`.
pub fn difference(value: f64) -> String {
    if value > 0.0 { format!("+{}", rate(value)) } else { signed(rate(value)) }
}

/// An estimate's interval: `0.31 – 0.52`; nothing where there is too little to say.
pub fn interval(estimate: &Estimate) -> Option<String> {
    estimate.ci95.map(|[low, high]| format!("{} – {}", signed(rate(low)), signed(rate(high))))
}

/// A share as a percentage. Only what is all is `100%`, and only what is none is `0%`.
///
/// ```
/// assert_eq!(reports::text::share(0.99341), "99.34%");
/// assert_eq!(reports::text::share(0.999_999), ">99.99%");
/// ```
pub fn share(value: f64) -> String {
    if !value.is_finite() {
        NOTHING.to_owned()
    } else if value == 0.0 || value == 1.0 {
        format!("{:.0}%", value * 100.0)
    } else if value > 0.9999 && value < 1.0 {
        ">99.99%".to_owned()
    } else if value > 0.0 && value < 0.0001 {
        "<0.01%".to_owned()
    } else {
        format!("{:.2}%", value * 100.0)
    }
}

/// A share to whole percents, for places where two digits more would be noise.
pub fn rough_share(value: f64) -> String {
    if !value.is_finite() {
        NOTHING.to_owned()
    } else if value > 0.995 && value < 1.0 {
        ">99%".to_owned()
    } else if value > 0.0 && value < 0.005 {
        "<1%".to_owned()
    } else {
        format!("{:.0}%", value * 100.0)
    }
}

/// A share of the oracle's goodput: `0.994`.
pub fn ratio(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { NOTHING.to_owned() }
}

/// A duration in seconds, in the unit that suits it: `0 s`, `40 ms`, `3.2 s`, `12 min`, `2.5 h`.
///
/// ```
/// assert_eq!(reports::text::seconds(0.04), "40 ms");
/// assert_eq!(reports::text::seconds(750.0), "12.5 min");
/// ```
pub fn seconds(value: f64) -> String {
    if !value.is_finite() {
        NOTHING.to_owned()
    } else if value <= 0.0 {
        "0 s".to_owned()
    } else if value < 0.001 {
        "<1 ms".to_owned()
    } else if value < 0.9995 {
        format!("{:.0} ms", value * 1e3)
    } else if value < 99.95 {
        format!("{value:.1} s")
    } else if value < 7_200.0 {
        format!("{:.1} min", value / 60.0)
    } else {
        format!("{} h", grouped_rate(value / 3600.0))
    }
}

/// A count with its thousands apart: `1,234,567`.
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A count in little room: `980`, `12.3k`, `1.5M`.
pub fn compact(value: u64) -> String {
    let (mut size, mut unit) = (value as f64, "");
    for larger in ["k", "M", "G", "T", "P", "E"] {
        if value < 10_000 || size < 999.95 {
            break;
        }
        (size, unit) = (size / 1e3, larger);
    }
    if unit.is_empty() {
        count(value)
    } else {
        format!("{}{unit}", format!("{size:.1}").trim_end_matches(".0"))
    }
}

/// A number of hours, without digits that say nothing: `24`, `0.5`, `336`.
pub fn hours(value: f64) -> String {
    if !value.is_finite() {
        return NOTHING.to_owned();
    }
    let text = format!("{value:.2}");
    grouped(text.trim_end_matches('0').trim_end_matches('.'))
}

/// A length of time given in hours: `24 h`, `10 min`.
pub fn length(hours_long: f64) -> String {
    if hours_long < 1.0 {
        format!("{} min", hours(hours_long * 60.0))
    } else {
        format!("{} h", hours(hours_long))
    }
}

/// A count and its noun: `1 replication`, `30 replications`.
pub fn counted(value: u64, noun: &str) -> String {
    let ending = if value == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(value))
}

fn grouped_rate(value: f64) -> String {
    grouped(&format!("{value:.1}"))
}

/// Puts a comma before every third digit of the whole part; makes a leading hyphen a minus.
fn grouped(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("−", digits),
        None => ("", number),
    };
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut text = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

fn signed(number: String) -> String {
    match number.strip_prefix('-') {
        Some(digits) => format!("−{digits}"),
        None => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_keep_what_carries_meaning() {
        let read: Vec<String> =
            [0.0, 0.001, 0.41, 9.994, 9.996, 17.34, 99.96, 1302.4, 100_000.0, 1.2e6, -0.5, -2_500.0]
                .into_iter()
                .map(rate)
                .collect();
        assert_eq!(
            read,
            [
                "0.00", "<0.01", "0.41", "9.99", "10.0", "17.3", "100", "1,302", "100,000", "1.2M", "−0.50",
                "−2,500"
            ]
        );
        assert_eq!(rate(f64::NAN), NOTHING);
    }

    #[test]
    fn a_share_is_all_or_nothing_only_when_it_is() {
        let read: Vec<String> = [0.0, 0.000_01, 0.5, 0.999_95, 1.0].into_iter().map(share).collect();
        assert_eq!(read, ["0%", "<0.01%", "50.00%", ">99.99%", "100%"]);
        assert_eq!(rough_share(0.997), ">99%");
    }

    #[test]
    fn durations_choose_their_unit() {
        let read: Vec<String> =
            [0.0, 0.000_1, 0.012, 1.0, 59.94, 120.0, 9_000.0].into_iter().map(seconds).collect();
        assert_eq!(read, ["0 s", "<1 ms", "12 ms", "1.0 s", "59.9 s", "2.0 min", "2.5 h"]);
        assert_eq!(hours(24.0), "24");
        assert_eq!(hours(0.5), "0.5");
        assert_eq!([24.0, 1.5, 1.0 / 6.0].map(length), ["24 h", "1.5 h", "10 min"]);
    }

    #[test]
    fn counts_fit_into_little_room() {
        assert_eq!(
            [0, 980, 9_999, 10_000, 12_345, 999_999, 1_500_000, u64::MAX].map(compact),
            ["0", "980", "9,999", "10k", "12.3k", "1M", "1.5M", "18.4E"]
        );
    }

    #[test]
    fn differences_carry_a_sign() {
        assert_eq!(difference(1.2), "+1.20");
        assert_eq!(difference(-6.9), "−6.90");
        assert_eq!(difference(0.0), "0.00");
    }
}
