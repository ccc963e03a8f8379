//! A key of `config.toml` that a sweep varies.

use std::collections::BTreeMap;

use adaptive::Settings;
use serde_json::{Map, Value as Json};

use crate::sweep::Value;

/// Keys whose 0 sets no limit, and so is the highest of their values, not the lowest.
const ZERO_IS_NO_LIMIT: [&str; 4] = [
    "limiter.max_concurrency",
    "limiter.max_tokens_per_minute",
    "controller.ceiling_calls_per_minute",
    "controller.ceiling_concurrency",
];

/// A key of `config.toml` that holds a number or a truth value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    path: String,
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flag,
    Whole,
    Real,
}

/// A name that leads to no setting, or to more than one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownSetting {
    /// There is none.
    #[error("there is no setting `{name}`{}",
        nearest.as_ref().map_or("; config.toml shows them all".to_owned(), |nearest| format!(": did you mean `{nearest}`?")))]
    None {
        /// What was asked for.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// There are several.
    #[error("`{name}` is more than one setting: give `{}`", paths.join("` or `"))]
    Several {
        /// What was asked for.
        name: String,
        /// The settings that it may be.
        paths: Vec<String>,
    },
}

impl Setting {
    /// The setting of that name: its last part is enough where no other setting that is as near to the top ends
    /// like it. So `max_concurrency` is `limiter.max_concurrency`, and `decrease` is `controller.aimd.decrease`.
    ///
    /// # Errors
    /// Where there is none, or more than one.
    pub fn named(name: &str) -> Result<Self, UnknownSetting> {
        let all = Self::kinds();
        let (path, kind) = resolve(&all, name)?;
        let parts: Vec<_> = path.split('.').collect();
        // The whole path always leads to itself.
        let name = (1..=parts.len())
            .map(|count| parts[parts.len() - count..].join("."))
            .find(|name| resolve(&all, name).is_ok_and(|(found, _)| found == path))
            .unwrap_or_else(|| path.to_owned());
        Ok(Self { path: path.to_owned(), name, kind })
    }

    /// The key with its sections, as `limiter.max_concurrency`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The shortest name that leads to it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its values are whole numbers.
    pub fn is_whole(&self) -> bool {
        self.kind == Kind::Whole
    }

    /// Whether there are values between two of its values.
    pub fn is_number(&self) -> bool {
        self.kind != Kind::Flag
    }

    /// Where a value stands among the others: by its size, but for a 0 that sets no limit, which is infinite.
    pub fn rank(&self, value: Value) -> f64 {
        let no_limit = value == Value::Whole(0) && ZERO_IS_NO_LIMIT.contains(&self.path.as_str());
        if no_limit { f64::INFINITY } else { value.as_f64() }
    }

    /// The value that a text gives it; `None` where it gives none of the setting's kind.
    pub fn read(&self, text: &str) -> Option<Value> {
        match self.kind {
            Kind::Flag => text.parse().ok().map(Value::Flag),
            Kind::Whole => text.parse().ok().map(Value::Whole),
            Kind::Real => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Real),
        }
    }

    /// What [`Setting::read`] takes, in words.
    pub fn wants(&self) -> &'static str {
        match self.kind {
            Kind::Flag => "true or false",
            Kind::Whole => "a whole number, not negative",
            Kind::Real => "a number",
        }
    }

    fn kinds() -> BTreeMap<String, Kind> {
        let mut kinds = BTreeMap::new();
        gather(&leaves(&Settings::default()), &mut kinds);
        kinds
    }
}

/// `base` with other values for some settings, by path.
///
/// # Errors
/// Where there is no such setting, or it cannot hold such a value.
pub fn with(base: &Settings, values: &BTreeMap<String, Value>) -> Result<Settings, serde_json::Error> {
    let mut all = serde_json::to_value(base)?;
    for (path, value) in values {
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent).replace('.', "/");
        let key = path.rsplit('.').next().unwrap_or(path);
        let pointer = if parent.is_empty() { parent } else { format!("/{parent}") };
        if let Some(table) = all.pointer_mut(&pointer).and_then(Json::as_object_mut) {
            table.insert(key.to_owned(), serde_json::to_value(value)?);
        }
    }
    serde_json::from_value(all)
}

/// Every setting with its value, sorted by path.
pub fn leaves(settings: &Settings) -> Vec<(String, Json)> {
    fn walk(table: &Map<String, Json>, above: &str, found: &mut Vec<(String, Json)>) {
        for (key, value) in table {
            let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
            match value {
                Json::Object(table) => walk(table, &path, found),
                value => found.push((path, value.clone())),
            }
        }
    }
    let mut found = Vec::new();
    if let Ok(Json::Object(table)) = serde_json::to_value(settings) {
        walk(&table, "", &mut found);
    }
    found
}

/// What of `settings` is not the default, and all of `chosen`: a configuration that gives the same settings.
pub fn fragment(settings: &Settings, chosen: &BTreeMap<String, Value>) -> BTreeMap<String, Json> {
    let defaults: BTreeMap<_, _> = leaves(&Settings::default()).into_iter().collect();
    let all = leaves(settings).into_iter();
    all.filter(|(path, value)| chosen.contains_key(path) || defaults.get(path) != Some(value)).collect()
}

fn gather(leaves: &[(String, Json)], kinds: &mut BTreeMap<String, Kind>) {
    for (path, value) in leaves {
        let kind = match value {
            Json::Bool(_) => Kind::Flag,
            Json::Number(number) if number.is_u64() => Kind::Whole,
            Json::Number(_) => Kind::Real,
            _ => continue,
        };
        kinds.insert(path.clone(), kind);
    }
}

fn resolve<'k>(all: &'k BTreeMap<String, Kind>, name: &str) -> Result<(&'k str, Kind), UnknownSetting> {
    let ending = format!(".{name}");
    let found = || all.iter().filter(|(path, _)| *path == name || path.ends_with(&ending));
    let depth = |path: &str| path.matches('.').count();
    let shallowest = found().map(|(path, _)| depth(path)).min();
    let nearest: Vec<_> = found().filter(|(path, _)| Some(depth(path)) == shallowest).collect();
    match nearest[..] {
        [(path, kind)] => Ok((path, *kind)),
        [] => {
            let lasts = all.keys().filter_map(|path| path.rsplit('.').next());
            let known = lasts.chain(all.keys().map(String::as_str));
            let nearest = settings::nearest(name, known).map(str::to_owned);
            Err(UnknownSetting::None { name: name.escape_debug().to_string(), nearest })
        }
        _ => {
            let paths = nearest.into_iter().map(|(path, _)| path.clone()).collect();
            Err(UnknownSetting::Several { name: name.to_owned(), paths })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_a_name_is_enough_where_it_is_clear() {
        let cases = [
            ("max_calls_per_minute", "limiter.max_calls_per_minute", "max_calls_per_minute"),
            ("max_concurrency", "limiter.max_concurrency", "max_concurrency"),
            ("controller.hits_per_hour", "controller.hits_per_hour", "hits_per_hour"),
            ("decrease", "controller.aimd.decrease", "decrease"),
            ("inspect.max_concurrency", "controller.inspect.max_concurrency", "inspect.max_concurrency"),
        ];
        for (asked, path, name) in cases {
            let setting = Setting::named(asked).unwrap();
            assert_eq!((setting.path(), setting.name()), (path, name));
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_nearest_and_an_unclear_one_all() {
        assert_eq!(
            Setting::named("max_calls_per_min").unwrap_err().to_string(),
            "there is no setting `max_calls_per_min`: did you mean `max_calls_per_minute`?"
        );
        assert_eq!(
            Setting::named("start_concurrency").unwrap_err().to_string(),
            "`start_concurrency` is more than one setting: give `controller.inspect.start_concurrency` or \
             `controller.netflix_aimd.start_concurrency` or `controller.netflix_gradient.start_concurrency`"
        );
        for section in ["controller", "limiter", ""] {
            Setting::named(section).unwrap_err();
        }
    }

    #[test]
    fn every_setting_can_be_set() {
        for (path, value) in leaves(&Settings::default()) {
            let setting = Setting::named(&path).unwrap();
            let value = setting.read(&value.to_string()).unwrap();
            let same = with(&Settings::default(), &BTreeMap::from([(path, value)])).unwrap();
            assert_eq!(same, Settings::default());
        }
        let limits = BTreeMap::from([("limiter.max_concurrency".to_owned(), Value::Whole(3))]);
        assert_eq!(with(&Settings::default(), &limits).unwrap().limiter.max_concurrency, 3);
    }

    #[test]
    fn no_limit_is_the_highest_limit() {
        let concurrency = Setting::named("max_concurrency").unwrap();
        assert!(concurrency.rank(Value::Whole(0)) > concurrency.rank(Value::Whole(100)));
        let pacing = Setting::named("pacing_ms").unwrap();
        assert!(pacing.rank(Value::Whole(0)) < pacing.rank(Value::Whole(100)));
    }
}
