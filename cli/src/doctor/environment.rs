//! The configuration's sources, and the keys in the environment: names only, never a value.

use super::check::Check;
use crate::config::{Sources, variables};

/// The variables that hold keys of providers.
const KEYS: [&str; 4] = ["GLM_API_KEY", "DEEPSEEK_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"];

/// Where the configuration comes from.
pub fn configuration(sources: &Sources) -> Check {
    let file = match &sources.file {
        Some(file) => file.display().to_string(),
        None => "no file, so the defaults".to_owned(),
    };
    let overriding = match sources.overriding.as_slice() {
        [] => String::new(),
        names => format!("; overridden by {}", names.join(", ")),
    };
    Check::ok("configuration", file + &overriding)
}

/// Which keys there are. None, where `.env` cannot be read, which the configuration's line says.
pub fn keys() -> Option<Check> {
    let variables = variables().ok()?;
    let mut found = Vec::new();
    let mut empty = Vec::new();
    for key in KEYS {
        match variables.get(key) {
            Some(variable) if variable.value.trim().is_empty() => empty.push(key),
            Some(variable) if variable.from_file => found.push(format!("{key} (by .env)")),
            Some(_) => found.push(key.to_owned()),
            None => {}
        }
    }
    let keys = if found.is_empty() { "none is set".to_owned() } else { found.join(", ") };
    Some(match empty.as_slice() {
        [] => Check::ok("keys", keys),
        empty => Check::warn("keys", format!("{keys}; empty: {}", empty.join(", ")), "set it, or unset it"),
    })
}
