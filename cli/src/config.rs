//! The configuration: `config.toml`, and the environment over it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adaptive::{ControllerSettings, InvalidSetting, Kind, LimiterSettings, Settings};
use anyhow::Context;
use serde::Deserialize;
use settings::{Document, SettingsError};
use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::redis_settings::RedisSettings;

/// Read where no `--config` is given.
const DEFAULT_FILE: &str = "config.toml";
/// Read for variables that the environment does not set.
const ENV_FILE: &str = ".env";
/// Overrides the limit at the start; older services set it.
const MAX_CALLS_VARIABLE: &str = "GLM_API_MAX_CALLS_PER_MINUTE";
/// Names the store, and with it usually a password.
const REDIS_VARIABLE: &str = "REDIS_URL";
/// What the variables begin with that name a key.
const PREFIX: &str = "RATEPILOT__";

/// The configuration in force.
pub struct Config {
    /// What it says of limits and their control.
    pub settings: Settings,
    /// What it says of the store that processes share.
    pub redis: RedisSettings,
    /// The SHA-256 of [`Config::settings`], as `summary.json` gives it.
    pub sha256: String,
    /// Where it comes from.
    pub sources: Sources,
}

/// Where a configuration comes from.
pub struct Sources {
    /// The file that was read; none: there is none, and the defaults hold.
    pub file: Option<PathBuf>,
    /// The variables that override a key, by name, from the environment and from `.env`.
    pub overriding: Vec<String>,
}

/// A variable's value, and whether it comes from `.env`.
pub struct Variable {
    pub value: String,
    pub from_file: bool,
}

/// Variables by name.
pub type Variables = BTreeMap<String, Variable>;

/// The whole of `config.toml`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Whole {
    limiter: LimiterSettings,
    controller: ControllerSettings,
    redis: RedisSettings,
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
    let variables = variables()?;
    let origin = path.display().to_string();
    let (settings, redis) = parse(&origin, &text, &variables).map_err(Fault::call)?;
    let canonical = serde_json::to_vec(&settings)
        .context("the configuration cannot be hashed")
        .map_err(Fault::failure)?;
    let overrides = |name: &&String| {
        name.starts_with(PREFIX) || [MAX_CALLS_VARIABLE, REDIS_VARIABLE].contains(&name.as_str())
    };
    let sources = Sources {
        file: path.is_file().then(|| path.to_owned()),
        overriding: variables.keys().filter(overrides).cloned().collect(),
    };
    Ok(Config { settings, redis, sha256: hex(&Sha256::digest(&canonical)), sources })
}

fn parse(
    origin: &str,
    text: &str,
    variables: &Variables,
) -> Result<(Settings, RedisSettings), SettingsError> {
    let mut document = Document::parse(origin, text)?;
    let short = [(MAX_CALLS_VARIABLE, "limiter.max_calls_per_minute"), (REDIS_VARIABLE, "redis.url")];
    for (name, path) in short {
        if let Some(variable) = variables.get(name) {
            document.set(path, name, &variable.value)?;
        }
    }
    document.overlay(variables.iter().map(|(name, variable)| (name.clone(), variable.value.clone())))?;
    let Whole { limiter, controller, redis } = document.read()?;
    let settings = Settings { limiter, controller };
    for kind in Kind::ALL {
        settings.control_loop(kind).map_err(|InvalidSetting { key, rule, .. }| {
            key.split('.').fold(document.root(), |cursor, part| cursor.key(part)).reject(rule)
        })?;
    }
    redis.check(&document.root().key("redis"))?;
    Ok((settings, redis))
}

/// The environment, over what `.env` sets. Names and values that are not text are none of ours.
///
/// # Errors
/// Where there is a `.env` that cannot be read.
pub fn variables() -> Result<Variables, Fault> {
    let mut variables = Variables::new();
    if Path::new(ENV_FILE).is_file() {
        let lines = dotenvy::from_path_iter(ENV_FILE).map_err(unreadable)?;
        for line in lines {
            let (name, value) = line.map_err(unreadable)?;
            variables.insert(name, Variable { value, from_file: true });
        }
    }
    let set = std::env::vars_os();
    let texts = set.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    variables.extend(texts.map(|(name, value)| (name, Variable { value, from_file: false })));
    Ok(variables)
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

    fn set(vars: &[(&str, &str)]) -> Variables {
        let variable = |value: &str| Variable { value: value.to_owned(), from_file: false };
        vars.iter().map(|(name, value)| ((*name).to_owned(), variable(value))).collect()
    }

    fn error(text: &str, vars: &[(&str, &str)]) -> String {
        parse("config.toml", text, &set(vars)).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn the_file_in_the_repository_holds_the_defaults() {
        let text = include_str!("../../config.toml");
        let (settings, redis) = parse("config.toml", text, &set(&[])).unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(format!("{redis:?}"), format!("{:?}", RedisSettings::default()));
        assert!(!redis.is_given());
    }

    #[test]
    fn the_file_in_the_repository_holds_every_key() {
        let text = include_str!("../../config.toml");
        let written: toml_keys::Keys = toml_keys::of(text);
        let mut all = serde_json::to_value(Settings::default()).unwrap();
        all["redis"] = serde_json::to_value(RedisSettings::default()).unwrap();
        all["redis"]["url"] = "".into();
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
        let old = (MAX_CALLS_VARIABLE, "20");
        let new = ("RATEPILOT__LIMITER__MAX_CALLS_PER_MINUTE", "30");
        let limit =
            |vars: &[_]| parse("config.toml", text, &set(vars)).unwrap().0.limiter.max_calls_per_minute;
        assert_eq!(limit(&[]), 10);
        assert_eq!(limit(&[old]), 20);
        assert_eq!(limit(&[old, new]), 30);
    }

    #[test]
    fn a_url_in_the_wrong_place_or_shape_is_not_repeated() {
        for text in [
            "[redis]\nurl = \"redis://:secret@host",
            "[redis]\nurll = \"redis://:secret@host\"",
            "[redis]\nurl = [\"redis://:secret@host\"]",
            "[redis]\nprefix = \"redis://:{secret}@host\"",
            "[redis]\nfallback = \"redis://:secret@host\"",
        ] {
            let message = error(text, &[]);
            assert!(
                message.starts_with("config.toml, line 2, column ") && !message.contains("secret"),
                "{message}"
            );
        }
        let message = error("", &[("RATEPILOT__REDIS__LEASE_S", "secret")]);
        assert!(message.contains("RATEPILOT__REDIS__LEASE_S") && !message.contains("secret"), "{message}");
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
