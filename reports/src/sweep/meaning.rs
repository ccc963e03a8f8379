//! What is recommended, and why, in one sentence.

use simulator::results::ControllerSummary;
use simulator::sweep::{Setting, SweepResults, SweptPoint, TIE};

use crate::sweep::{point_in_words, setting_name};
use crate::text;

/// A sentence that says which point is recommended and why; and another where the point lies on the edge of what was
/// tried.
pub fn meaning(results: &SweepResults) -> String {
    let (Some(best), Some(chosen)) = (results.best(), results.found.recommendation) else {
        return "Nobody calls in the hours that count, so there is nothing to recommend.".to_owned();
    };
    let points = results.found.points.len();
    let of_points = format!("of {}", text::counted(points as u64, "point"));
    let budget = format!(
        "below {} an hour (upper end of the 95% interval)",
        match results.budget_hits_per_hour {
            1.0 => "1 refusal".to_owned(),
            budget => format!("{} refusals", text::hours(budget)),
        }
    );
    let summary = &best.summary;
    let (goodput, wait) = (goodput(summary), text::seconds(summary.added_wait_s.p95));
    let point = point_in_words(&best.point);
    if chosen.within_budget == 0 {
        return format!(
            "Nothing is recommended: none {of_points} stays {budget}. The fewest refusals, {} an hour{}, has {point}, at \
             a goodput of {goodput} and an added wait of p95 {wait}; try lower limits, more --replications or --hours, or \
             a larger --budget.",
            text::rate(summary.hits_per_hour.mean),
            interval(summary),
        );
    }
    let why = match (chosen.within_budget, chosen.tied) {
        (1, _) => format!(
            "it is the only one {of_points} that stays {budget}, with a goodput of {goodput} and an added wait of p95 {wait}"
        ),
        (within, 1) => format!(
            "of the {} {of_points} that stay {budget} it has the highest goodput, {goodput}, at an added wait of \
             p95 {wait}",
            text::count(within as u64),
        ),
        (within, tied) => format!(
            "of the {} {of_points} that stay {budget}, {} come within {}% of the highest goodput, and of these it adds \
             the smallest wait (p95 {wait}), at a goodput of {goodput}",
            text::count(within as u64),
            if tied == within { "all".to_owned() } else { text::count(tied as u64) },
            TIE * 100.0,
        ),
    };
    let before = results
        .reference("none")
        .map(|none| format!(", against {} without a limiter", text::rate(none.hits_per_hour.mean)));
    format!(
        "Recommended: {point}, because {why}; it meets {} refusals an hour{}{}.{}",
        text::rate(summary.hits_per_hour.mean),
        interval(summary),
        before.unwrap_or_default(),
        edge(results, best),
    )
}

fn goodput(summary: &ControllerSummary) -> String {
    let of_oracle =
        summary.goodput_vs_oracle.map(|ratio| format!(" ({} of the oracle's)", text::share(ratio)));
    format!("{} calls a minute{}", text::rate(summary.goodput_per_minute.mean), of_oracle.unwrap_or_default())
}

fn interval(summary: &ControllerSummary) -> String {
    text::interval(&summary.hits_per_hour).map_or_else(String::new, |interval| format!(" ({interval})"))
}

/// A word of warning: beyond the edge of what was tried there may be something better.
fn edge(results: &SweepResults, best: &SweptPoint) -> String {
    let mut edges = Vec::new();
    for (path, value) in &best.point.settings {
        let Ok(setting) = Setting::named(path) else { continue };
        let tried = results.found.points.iter().filter_map(|point| point.point.settings.get(path));
        let ranks: Vec<f64> = tried.map(|value| setting.rank(*value)).collect();
        let (rank, is_number) = (setting.rank(*value), setting.is_number());
        let (low, high) =
            ranks.iter().fold((rank, rank), |(low, high), rank| (low.min(*rank), high.max(*rank)));
        // Below 1 there is nothing for a whole number, and beyond no limit either.
        let lowest = rank <= low && !(setting.is_whole() && rank <= 1.0);
        if is_number && low < high && rank >= high && rank.is_finite() {
            edges.push(format!("{} is the highest", setting_name(path)));
        } else if is_number && low < high && lowest {
            edges.push(format!("{} is the lowest", setting_name(path)));
        }
    }
    if edges.is_empty() {
        return String::new();
    }
    format!(" Its {} that was tried: a wider --grid may hold something better.", edges.join(", and its "))
}
