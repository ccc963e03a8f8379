//! The configuration: `config.toml`, and the environment over it.

use std::collections::BTreeMap;
use std::path::Path;

use adaptive::{InvalidSetting, Kind, Settings};
use anyhow::Context;
use settings::Document;
use sha2::{Digest, Sha256};

use crate::fault::Fault;

/// Read where no `--config` is given.
const DEFAULT_FILE: &str = "config.toml";
/// Read for variables that the environment does not set.
const ENV_FILE: &str = ".env";
/// Overrides the limit at the start; older services set it.
const MAX_CALLS_VARIABLE: &str = "GLM_API_MAX_CALLS_PER_MINUTE";

/// The configuration in force.
pub struct Config {
    /// What it says.
    pub settings: Settings,
    /// Its SHA-256, as `summary.json` gives it.
    pub sha256: String,
}

/// Reads the configuration, and checks all of it.
///
/// # Errors
/// Where a file cannot be read, or a key or value cannot be.
pub fn load(file: Option<&Path>) -> Result<Config, Fault> {
    let path = file.unwrap_or_else(|| Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let advice = "give the TOML file that holds it, or leave --config out for the defaults";
            return Err(Fault::call(anyhow::anyhow!(
                "cannot read the configuration {}: {error}; {advice}",
                path.display()
            )));
        }
    };
    let origin = path.display().to_string();
    let settings = parse(&origin, &text, &variables()?).map_err(Fault::call)?;
    let canonical = serde_json::to_vec(&settings)
        .context("the configuration cannot be hashed")
        .map_err(Fault::failure)?;
    Ok(Config { settings, sha256: hex(&Sha256::digest(&canonical)) })
}

fn parse(
    origin: &str,
    text: &str,
    vars: &BTreeMap<String, String>,
) -> Result<Settings, settings::SettingsError> {
    let mut document = Document::parse(origin, text)?;
    if let Some(value) = vars.get(MAX_CALLS_VARIABLE) {
        document.set("limiter.max_calls_per_minute", MAX_CALLS_VARIABLE, value)?;
    }
    document.overlay(vars.clone())?;
    let settings: Settings = document.read()?;
    for kind in Kind::ALL {
        settings.control_loop(kind).map_err(|InvalidSetting { key, rule, .. }| {
            key.split('.').fold(document.root(), |cursor, part| cursor.key(part)).reject(rule)
        })?;
    }
    Ok(settings)
}

/// The environment, over what `.env` sets. Names and values that are not text are none of ours.
fn variables() -> Result<BTreeMap<String, String>, Fault> {
    let mut vars = BTreeMap::new();
    if Path::new(ENV_FILE).is_file() {
        let lines = dotenvy::from_path_iter(ENV_FILE).map_err(unreadable)?;
        for line in lines {
            let (name, value) = line.map_err(unreadable)?;
            vars.insert(name, value);
        }
    }
    let set = std::env::vars_os();
    vars.extend(set.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))));
    Ok(vars)
}

/// A line of `.env` may hold a secret, so it is not shown.
fn unreadable(error: dotenvy::Error) -> Fault {
    let what = match error {
        dotenvy::Error::LineParse(_, position) => {
            format!("a line cannot be read near its column {}", position + 1)
        }
        dotenvy::Error::Io(error) => error.to_string(),
        _ => "it cannot be read".to_owned(),
    };
    Fault::call(anyhow::anyhow!("{ENV_FILE}: {what}; every line must be NAME=value"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str, vars: &[(&str, &str)]) -> String {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        parse("config.toml", text, &vars).unwrap_err().to_string()
    }

    #[test]
    fn the_file_in_the_repository_holds_the_defaults() {
        let text = include_str!("../../config.toml");
        assert_eq!(parse("config.toml", text, &BTreeMap::new()).unwrap(), Settings::default());
    }

    #[test]
    fn the_file_in_the_repository_holds_every_key() {
        let text = include_str!("../../config.toml");
        let written: toml_keys::Keys = toml_keys::of(text);
        let all = serde_json::to_value(Settings::default()).unwrap();
        toml_keys::assert_all(&all, &written, "");
    }

    mod toml_keys {
        use std::collections::BTreeSet;

        pub(super) type Keys = BTreeSet<String>;

        /// `section.key` of every line that sets one.
        pub(super) fn of(text: &str) -> Keys {
            let mut section = String::new();
            let mut keys = Keys::new();
            for line in text.lines().map(str::trim) {
                if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                    section = format!("{name}.");
                } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                    keys.insert(format!("{section}{}", key.trim()));
                }
            }
            keys
        }

        pub(super) fn assert_all(value: &serde_json::Value, keys: &Keys, path: &str) {
            match value.as_object() {
                Some(table) => {
                    for (key, value) in table {
                        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                        assert_all(value, keys, &path);
                    }
                }
                None => assert!(keys.contains(path), "config.toml does not show {path}"),
            }
        }
    }

    #[test]
    fn the_environment_goes_over_the_file_and_the_specific_name_over_the_old_one() {
        let text = "[limiter]\nmax_calls_per_minute = 10\n";
        let old = (MAX_CALLS_VARIABLE.to_owned(), "20".to_owned());
        let new = ("RATEPILOT__LIMITER__MAX_CALLS_PER_MINUTE".to_owned(), "30".to_owned());
        let limit = |vars: &[(String, String)]| {
            let vars = vars.iter().cloned().collect();
            parse("config.toml", text, &vars).unwrap().limiter.max_calls_per_minute
        };
        assert_eq!(limit(&[]), 10);
        assert_eq!(limit(std::slice::from_ref(&old)), 20);
        assert_eq!(limit(&[old, new]), 30);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert_eq!(
            error("[limiter]\nmax_calls_per_minute = 0\n", &[]),
            "config.toml, line 2, column 24: `limiter.max_calls_per_minute` is 0, but must be at least 1: \
             a limit of 0 lets nothing through"
        );
        let text = error("", &[(MAX_CALLS_VARIABLE, "-3")]);
        assert!(text.starts_with("environment variable GLM_API_MAX_CALLS_PER_MINUTE: "), "{text}");
    }
}
