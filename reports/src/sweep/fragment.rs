//! The recommended thresholds, as a configuration that `simulate --config` takes as it is.

use std::collections::BTreeMap;
use std::fmt::Write;

use simulator::sweep::SweepResults;

use crate::sweep::{extent, meaning};

/// Comments are broken before they get longer.
const LONGEST_LINE: usize = 110;

/// `recommended.toml`.
pub fn write(results: &SweepResults) -> String {
    let mut text = String::new();
    comment(&mut text, &format!("{}: {}.", results.scenario, extent(results)));
    comment(&mut text, &meaning(results));
    if let Some(best) = results.best() {
        comment(&mut text, &format!("It was chosen for --controllers {}.", best.point.controller));
    }
    let mut sections: BTreeMap<&str, Vec<(&str, &serde_json::Value)>> = BTreeMap::new();
    for (path, value) in &results.found.recommended_config {
        let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
        sections.entry(section).or_default().push((key, value));
    }
    for (section, keys) in sections {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n[{section}]");
        for (key, value) in keys {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
    text
}

fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    // A name may hold a control character, and a comment may not.
    let words: String = words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    for word in words.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > LONGEST_LINE && line != "#" {
            *text += &line;
            text.push('\n');
            "#".clone_into(&mut line);
        }
        line.push(' ');
        line += word;
    }
    *text += &line;
    text.push('\n');
}
