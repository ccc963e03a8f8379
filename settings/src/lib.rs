//! Strict TOML settings: what is wrong is named by key, by line, and by the nearest right one.
//!
//! [`parse`] reads a text into a type; [`parse_with_env`] lets environment variables override single keys.
//! A table that is read into a struct may hold that struct's keys and no others, with or without
//! `#[serde(deny_unknown_fields)]`.
//!
//! What serde cannot check (ranges, keys that depend on each other) is checked afterwards: a [`Document`] still
//! knows where every key was written, and its [`Cursor`]s turn a broken rule into an error that says so.
//!
//! ```
//! #[derive(Debug, serde::Deserialize)]
//! struct Pool {
//!     max_calls_per_minute: u32,
//! }
//!
//! let error = settings::parse::<Pool>("config.toml", "max_calls_per_min = 5").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "config.toml, line 1, column 1: unknown key `max_calls_per_min`: did you mean `max_calls_per_minute`?"
//! );
//! ```
//!
//! Nothing here reads a file or the environment: texts and variables are arguments. A variable's value may be a
//! secret, so no error ever holds one.

mod cursor;
mod deserialize;
mod document;
mod error;
mod nearest;
mod node;
mod overlay;
mod path;
mod place;
mod variant;

use serde::de::DeserializeOwned;

pub use cursor::Cursor;
pub use document::Document;
pub use error::{Problem, SettingsError};
pub use nearest::nearest;
pub use path::KeyPath;
pub use place::Place;

/// Reads `text` into a `T`; `origin` (a file's name) is what errors call it.
///
/// # Errors
/// Where the text is not TOML, holds a key that `T` does not have, lacks one that it needs, or has a value of
/// another type; the error names the key, its line and what was expected.
pub fn parse<T: DeserializeOwned>(origin: &str, text: &str) -> Result<T, SettingsError> {
    Document::parse(origin, text)?.read()
}

/// Like [`parse`], after the variables called `RATEPILOT__SECTION__KEY` have overridden the text's keys.
///
/// Variables with other names are passed over. See [`Document::overlay`] for how names and values are read.
///
/// # Errors
/// Those of [`parse`], and those of [`Document::overlay`]. Where a variable is at fault the error names the
/// variable, and never its value.
pub fn parse_with_env<T: DeserializeOwned>(
    origin: &str,
    text: &str,
    vars: impl IntoIterator<Item = (String, String)>,
) -> Result<T, SettingsError> {
    let mut document = Document::parse(origin, text)?;
    document.overlay(vars)?;
    document.read()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code)]
    struct Any {
        a: Option<f64>,
        b: Option<BTreeMap<String, Vec<u32>>>,
        c: Option<Box<Any>>,
    }

    /// Text out of TOML's own letters, so that more than the first token is reached.
    fn toml_like() -> impl Strategy<Value = String> {
        let pieces =
            ["a", "b", "c", "=", ".", "[", "]", "{", "}", ",", "\n", "'", "\"", "1", "-", "inf", "é", " "];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn depth_is_bounded() {
        let dotted = format!("{}a", "a.".repeat(30));
        let nested = (0..30).fold("1".to_owned(), |inner, _| format!("{{ {dotted} = {inner} }}"));
        for text in [
            format!("x = {nested}"),
            format!("x = {}", "[".repeat(100_000)),
            format!("c{} = 1", ".c".repeat(100_000)),
        ] {
            parse::<Any>("f", &text).unwrap_err();
        }
        let deep = format!("RATEPILOT{}", "__C".repeat(100_000));
        parse_with_env::<Any>("f", "", [(deep, "1".to_owned())]).unwrap_err();
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*", like in toml_like()) {
            let _ = parse::<Any>("f", &text);
            let _ = parse::<Any>("f", &like);
        }

        #[test]
        fn no_variable_panics_or_shows_its_value(name in "[A-Ca-c_]{0,12}", value in "[a-c=\\[\\]{},.]{0,8}") {
            let vars = [(format!("RATEPILOT__{name}"), format!("{value}-77%"))];
            if let Err(error) = parse_with_env::<Any>("f", "a = 1", vars) {
                prop_assert!(!error.to_string().contains("77%"), "{}", error);
            }
        }
    }
}
