//! The scenarios that come with the program.

use settings::nearest;

/// File stem and text, the headline scenario first.
const SCENARIOS: [(&str, &str); 17] = [
    ("knowledge-base", include_str!("../../scenarios/knowledge-base.toml")),
    ("constant", include_str!("../../scenarios/constant.toml")),
    ("step-down", include_str!("../../scenarios/step-down.toml")),
    ("step-up", include_str!("../../scenarios/step-up.toml")),
    ("diurnal", include_str!("../../scenarios/diurnal.toml")),
    ("peak-hours", include_str!("../../scenarios/peak-hours.toml")),
    ("small-concurrency", include_str!("../../scenarios/small-concurrency.toml")),
    ("soft-wall", include_str!("../../scenarios/soft-wall.toml")),
    ("token-limit", include_str!("../../scenarios/token-limit.toml")),
    ("overload", include_str!("../../scenarios/overload.toml")),
    ("foreign-traffic", include_str!("../../scenarios/foreign-traffic.toml")),
    ("fleet", include_str!("../../scenarios/fleet.toml")),
    ("flash-crowd", include_str!("../../scenarios/flash-crowd.toml")),
    ("token-bucket-provider", include_str!("../../scenarios/token-bucket-provider.toml")),
    ("fixed-window-provider", include_str!("../../scenarios/fixed-window-provider.toml")),
    ("counted-refusals", include_str!("../../scenarios/counted-refusals.toml")),
    ("hard-day", include_str!("../../scenarios/hard-day.toml")),
];

/// There is no built-in scenario of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no built-in scenario `{name}`: {}", advice(*.nearest, .known))]
pub struct UnknownScenario {
    /// The name that was asked for.
    pub name: String,
    /// The one that was probably meant.
    pub nearest: Option<&'static str>,
    /// All that there are.
    pub known: Vec<&'static str>,
}

/// The built-in scenarios: name and TOML, commented to be copied; the headline scenario is the first.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCENARIOS.into_iter()
}

/// The TOML of the built-in scenario `name`, for [`Scenario::parse`](super::Scenario::parse), like a file's.
///
/// # Errors
/// Where there is none of that name; the error says which one was probably meant.
pub fn find(name: &str) -> Result<&'static str, UnknownScenario> {
    all().find(|(known, _)| *known == name).map(|(_, toml)| toml).ok_or_else(|| {
        let known: Vec<_> = all().map(|(name, _)| name).collect();
        UnknownScenario { name: name.to_owned(), nearest: nearest(name, known.iter().copied()), known }
    })
}

fn advice(nearest: Option<&str>, known: &[&str]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("there are `{}`", known.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;
    use super::*;

    #[test]
    fn every_built_in_scenario_is_valid_and_named_like_its_file() {
        for (name, toml) in all() {
            let scenario = Scenario::parse(name, toml).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(scenario.name, name);
            assert!(!scenario.description.is_empty(), "{name} says what it is for");
            assert_eq!(find(name), Ok(toml));
        }
    }

    #[test]
    fn every_file_is_built_in() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let files = std::fs::read_dir(folder).unwrap();
        let mut stems: Vec<_> = files
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let mut names: Vec<_> = all().map(|(name, _)| name.to_owned()).collect();
        stems.sort();
        names.sort();
        assert_eq!(stems, names);
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_or_all() {
        assert_eq!(
            find("stepdown").unwrap_err().to_string(),
            "no built-in scenario `stepdown`: did you mean `step-down`?"
        );
        let all = find("xyz").unwrap_err().to_string();
        let first = "no built-in scenario `xyz`: there are `knowledge-base`, `constant`, `step-down`, ";
        assert!(all.starts_with(first), "{all}");
        assert!(all.ends_with(", `hard-day`"), "{all}");
    }
}
