//! Environment variables laid over a document.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Problem, SettingsError};
use crate::node::{DEEPEST, Entry, Node, Value};
use crate::path::shown;
use crate::place::Place;

const PREFIX: &str = "ratepilot__";
const SEPARATOR: &str = "__";

/// Puts the value of every variable with our prefix where its name says, in the order of the names.
pub(crate) fn apply(
    root: &mut Node,
    vars: impl IntoIterator<Item = (String, String)>,
) -> Result<(), SettingsError> {
    let mut overrides: BTreeMap<String, (Arc<str>, String)> = BTreeMap::new();
    for (name, value) in vars {
        let key = name.to_lowercase();
        let Some(path) = key.strip_prefix(PREFIX) else { continue };
        let name: Arc<str> = shown(&name).into();
        if let Some((other, _)) = overrides.get(path) {
            return Err(refuse(&name, format!("{other} names the same key: unset one of them")));
        }
        overrides.insert(path.to_owned(), (name, value));
    }
    overrides.iter().try_for_each(|(path, (name, value))| set(root, path.split(SEPARATOR), name, value))
}

/// Puts `value` where `path` leads; `name` is the variable that it came from.
pub(crate) fn set<'p>(
    root: &mut Node,
    path: impl Iterator<Item = &'p str>,
    name: &str,
    value: &str,
) -> Result<(), SettingsError> {
    let name = &Arc::from(name);
    let mut sections: Vec<&str> = path.collect();
    if sections.iter().any(|section| section.is_empty()) || sections.len() > DEEPEST {
        return Err(refuse(name, "the name must be RATEPILOT__SECTION__KEY".to_owned()));
    }
    let last = sections.pop().unwrap_or_default();
    let mut table = root;
    for section in sections {
        table = child(table, section, name)?;
        if !matches!(table.value, Value::Table(_)) {
            return Err(refuse(name, format!("`{section}` is not a table: set it as a whole, or leave it")));
        }
    }
    *child(table, last, name)? = Node::variable(name, value);
    Ok(())
}

/// The node of `key`; where there is none, an empty table that the variable made.
fn child<'n>(table: &'n mut Node, key: &str, name: &Arc<str>) -> Result<&'n mut Node, SettingsError> {
    let Value::Table(entries) = &mut table.value else {
        return Err(refuse(name, format!("there is no table that could hold `{key}`")));
    };
    let at = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        let place = Place::Variable(Arc::clone(name));
        let node = Node { place: place.clone(), value: Value::Table(Vec::new()), raw: None };
        entries.push(Entry { key: key.to_owned(), key_place: place, node });
        entries.len() - 1
    });
    Ok(&mut entries[at].node)
}

fn refuse(name: &Arc<str>, message: String) -> SettingsError {
    SettingsError::new(Problem::Variable { message }).at(&Place::Variable(Arc::clone(name)))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use crate::parse_with_env;

    const FILE: &str = "[redis]\nurl = 'redis://a'\n[controller]\nhits_per_hour = 1.0\n";

    #[derive(Debug, PartialEq, Deserialize)]
    struct Config {
        redis: Redis,
        controller: Controller,
        #[serde(default)]
        upstream: Upstream,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Redis {
        url: String,
        password: Option<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Controller {
        hits_per_hour: f64,
        steps: Option<Vec<u32>>,
        mode: Option<Mode>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Hold,
        Probe,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Upstream {
        glm: Vec<Model>,
        retry: Retry,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Model {
        name: String,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Retry {
        times: u32,
    }

    fn read(vars: &[(&str, &str)]) -> Result<Config, String> {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        parse_with_env("config.toml", FILE, vars).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_override_the_file_and_add_to_it() {
        let config = read(&[
            ("PATH", "/bin"),
            ("RATEPILOT_CONFIG", "not ours: one underscore"),
            ("RATEPILOT__CONTROLLER__HITS_PER_HOUR", "0.5"),
            ("ratepilot__controller__Steps", "[1, 2]"),
            ("RATEPILOT__CONTROLLER__MODE", "probe"),
            ("RATEPILOT__UPSTREAM__RETRY__TIMES", "3"),
            ("RATEPILOT__UPSTREAM__GLM", "[{ name = 'glm-4.6' }]"),
        ])
        .unwrap();
        assert_eq!(config.redis.url, "redis://a");
        assert_eq!(
            config.controller,
            Controller { hits_per_hour: 0.5, steps: Some(vec![1, 2]), mode: Some(Mode::Probe) }
        );
        assert_eq!(config.upstream.retry.times, 3);
        assert_eq!(config.upstream.glm, [Model { name: "glm-4.6".into() }]);
    }

    #[test]
    fn a_key_that_wants_a_string_gets_the_text_as_it_is() {
        for text in ["0123", "12345", "true", "1.50", "2026-01-01", "[x]", "", "a b", " padded "] {
            let config = read(&[("RATEPILOT__REDIS__PASSWORD", text)]).unwrap();
            assert_eq!(config.redis.password.as_deref(), Some(text));
        }
        let quoted = read(&[("RATEPILOT__REDIS__PASSWORD", "'12'")]).unwrap();
        assert_eq!(quoted.redis.password.as_deref(), Some("12"));
    }

    #[test]
    fn errors_name_the_variable_and_never_its_value() {
        let cases = [
            (
                &[("RATEPILOT__CONTROLER__HITS_PER_HOUR", "77.5")][..],
                "environment variable RATEPILOT__CONTROLER__HITS_PER_HOUR: \
                 unknown key `controler`: did you mean `controller`?",
            ),
            (
                &[("RATEPILOT__CONTROLLER__HITS_HOUR", "77.5")],
                "environment variable RATEPILOT__CONTROLLER__HITS_HOUR: \
                 unknown key `hits_hour` in `controller`: did you mean `hits_per_hour`?",
            ),
            (
                &[("RATEPILOT__CONTROLLER__HITS_PER_HOUR", "sk-77")],
                "environment variable RATEPILOT__CONTROLLER__HITS_PER_HOUR: \
                 `controller.hits_per_hour` is a string, but must be a number",
            ),
            (
                &[("RATEPILOT__CONTROLLER__STEPS", "[1, -77]")],
                "environment variable RATEPILOT__CONTROLLER__STEPS: \
                 `controller.steps[1]` is a number, but must be a whole number, not negative",
            ),
            (
                &[("RATEPILOT__CONTROLLER__MODE", "prob-77")],
                "environment variable RATEPILOT__CONTROLLER__MODE: \
                 unknown value for `controller.mode`: did you mean `probe`?",
            ),
            (
                &[("RATEPILOT__CONTROLLER__MODE", "77")],
                "environment variable RATEPILOT__CONTROLLER__MODE: \
                 unknown value for `controller.mode`: allowed: `hold`, `probe`",
            ),
            (
                &[("RATEPILOT__REDIS__URL__HOST", "77")],
                "environment variable RATEPILOT__REDIS__URL__HOST: \
                 `url` is not a table: set it as a whole, or leave it",
            ),
            (
                &[("RATEPILOT__REDIS____URL", "77")],
                "environment variable RATEPILOT__REDIS____URL: the name must be RATEPILOT__SECTION__KEY",
            ),
            (
                &[("RATEPILOT__", "77")],
                "environment variable RATEPILOT__: the name must be RATEPILOT__SECTION__KEY",
            ),
            (
                &[("RATEPILOT__REDIS__URL", "77"), ("RATEPILOT__redis__url", "77")],
                "environment variable RATEPILOT__redis__url: \
                 RATEPILOT__REDIS__URL names the same key: unset one of them",
            ),
        ];
        for (vars, message) in cases {
            let error = read(vars).unwrap_err();
            assert_eq!(error, message);
            assert!(!error.contains("77"), "{error}");
        }
    }

    #[test]
    fn the_file_keeps_its_lines() {
        let vars = [("RATEPILOT__REDIS__URL".to_owned(), "redis://b".to_owned())];
        let text = format!("{FILE}hits = 1\n");
        let error = parse_with_env::<Config>("config.toml", &text, vars).unwrap_err().to_string();
        assert_eq!(
            error,
            "config.toml, line 5, column 1: unknown key `hits` in `controller`: \
             did you mean `hits_per_hour`?"
        );
    }

    #[test]
    fn a_words_only_error_of_a_variable_is_hidden() {
        fn port(text: String) -> Result<u16, String> {
            text.parse().map_err(|_| format!("no port: {text}"))
        }
        #[derive(Debug, Deserialize)]
        #[serde(try_from = "String")]
        struct Port(#[expect(dead_code)] u16);
        impl TryFrom<String> for Port {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                port(text).map(Self)
            }
        }
        #[derive(Debug, Deserialize)]
        struct Listen {
            #[serde(rename = "port")]
            _port: Port,
        }
        let file = parse_with_env::<Listen>("f", "port = 'x77'", []).unwrap_err().to_string();
        assert_eq!(file, "f, line 1, column 8: `port`: no port: x77");
        let vars = [("RATEPILOT__PORT".to_owned(), "x77".to_owned())];
        let variable = parse_with_env::<Listen>("f", "", vars).unwrap_err().to_string();
        assert_eq!(variable, "environment variable RATEPILOT__PORT: `port`: its value is not valid here");
    }
}
