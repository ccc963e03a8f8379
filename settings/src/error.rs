//! What is wrong with a document, and where.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::nearest::nearest;
use crate::path::{KeyPath, Part, shown};
use crate::place::Place;

/// What is wrong with a document, at which key, and where that was written.
///
/// Reads like `step-down.toml, line 7, column 1: unknown key `windows` in `provider`: did you mean `window`?`
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    place: Option<Place>,
    key: KeyPath,
    problem: Problem,
}

/// What is wrong at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The text is not TOML.
    Syntax {
        /// What the parser stumbled over.
        message: String,
    },
    /// The table at the error's key has no such key.
    UnknownKey {
        /// The key that is there.
        key: String,
        /// The one that was probably meant.
        nearest: Option<String>,
        /// All that the table may hold.
        allowed: Vec<String>,
    },
    /// The value is none of those that may be chosen.
    UnknownValue {
        /// What is there; unknown where a variable holds it.
        found: Option<String>,
        /// The one that was probably meant.
        nearest: Option<String>,
        /// All that may be chosen.
        allowed: Vec<String>,
    },
    /// The value is of another kind.
    WrongType {
        /// What was expected, in words.
        expected: String,
        /// The kind of value that is there, in words.
        kind: String,
        /// The value, where it is a number or a truth value, and no variable holds it.
        found: Option<String>,
    },
    /// The table at the error's key lacks a key that it needs.
    MissingKey {
        /// The key that is not there.
        key: String,
    },
    /// The value is of the right kind, and breaks a rule.
    NotAllowed {
        /// What is there, where it is a number or a truth value, and no variable holds it.
        found: Option<String>,
        /// The rule; it begins with "must".
        rule: String,
    },
    /// A variable names no key, or one that it cannot set.
    Variable {
        /// Why.
        message: String,
    },
    /// Something else, in words.
    Other {
        /// The words.
        message: String,
    },
}

impl SettingsError {
    /// Where the fault was written.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The key at fault; for a key that is unknown or missing, the table that it is in.
    pub fn key(&self) -> &KeyPath {
        &self.0.key
    }

    /// What is wrong there.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    pub(crate) fn new(problem: Problem) -> Self {
        Self(Box::new(Parts { place: None, key: KeyPath::default(), problem }))
    }

    pub(crate) fn unknown_key(key: &str, allowed: &[&str]) -> Self {
        Self::new(Problem::UnknownKey {
            key: key.to_owned(),
            nearest: nearest(key, allowed.iter().copied()).map(str::to_owned),
            allowed: allowed.iter().map(|&key| key.to_owned()).collect(),
        })
    }

    /// The same error, of this key.
    pub(crate) fn of(mut self, key: KeyPath) -> Self {
        self.0.key = key;
        self
    }

    /// The same error at `place`, unless it has one already: the innermost is the most telling.
    pub(crate) fn at(mut self, place: &Place) -> Self {
        if matches!(place, Place::Variable(_)) {
            self.hide_value();
        }
        self.0.place.get_or_insert_with(|| place.clone());
        self
    }

    /// The same error, seen from the table or array around it.
    pub(crate) fn inside(mut self, part: Part) -> Self {
        self.0.key.prepend(part);
        self
    }

    /// Forgets whatever of the value the error holds: a variable's value may be a secret.
    pub(crate) fn hide_value(&mut self) {
        match &mut self.0.problem {
            Problem::UnknownValue { found, .. }
            | Problem::WrongType { found, .. }
            | Problem::NotAllowed { found, .. } => *found = None,
            Problem::Other { message } => "its value is not valid here".clone_into(message),
            Problem::Syntax { .. }
            | Problem::UnknownKey { .. }
            | Problem::MissingKey { .. }
            | Problem::Variable { .. } => {}
        }
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, problem } = self;
        if let Some(place) = place {
            write!(f, "{place}: ")?;
        }
        let (subject, within) = if key.is_root() {
            ("the document".to_owned(), String::new())
        } else {
            (format!("`{key}`"), format!(" in `{key}`"))
        };
        match problem {
            Problem::Syntax { message } => write!(f, "not valid TOML: {message}"),
            Problem::UnknownKey { key, nearest, allowed } => {
                write!(f, "unknown key `{}`{within}: {}", shown(key), advice(nearest.as_deref(), allowed))
            }
            Problem::UnknownValue { found, nearest, allowed } => {
                let found = found
                    .as_deref()
                    .map_or("unknown value".to_owned(), |found| format!("unknown value `{}`", shown(found)));
                write!(f, "{found} for {subject}: {}", advice(nearest.as_deref(), allowed))
            }
            Problem::WrongType { expected, kind, found } => {
                let found = found.as_ref().unwrap_or(kind);
                write!(f, "{subject} is {found}, but must be {expected}")
            }
            Problem::MissingKey { key } => write!(f, "missing key `{key}`{within}"),
            Problem::NotAllowed { found: Some(found), rule } => {
                write!(f, "{subject} is {found}, but {rule}")
            }
            Problem::NotAllowed { found: None, rule } => write!(f, "{subject} {rule}"),
            Problem::Variable { message } => f.write_str(message),
            Problem::Other { message } => write!(f, "{subject}: {message}"),
        }
    }
}

fn advice(nearest: Option<&str>, allowed: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if allowed.is_empty() => "none is allowed here".to_owned(),
        None => format!("allowed: `{}`", allowed.join("`, `")),
    }
}

/// How serde's derived code reports: the structured calls are kept apart, so that no message need be taken apart.
impl de::Error for SettingsError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Problem::Other { message: message.to_string() })
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let mut expected = wanted(expected);
        // A whole number beyond 64 bits is read as a float, so that `1e20` would be told to be whole.
        if matches!(found, Unexpected::Float(number) if number.abs() >= i64::MAX as f64) {
            expected.push_str(&format!(", at most {}", i64::MAX));
        }
        let (kind, found) = in_words(found);
        Self::new(Problem::WrongType { expected, kind: kind.to_owned(), found })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(Problem::WrongType {
            expected: wanted(expected),
            kind: format!("an array of {length} value{}", if length == 1 { "" } else { "s" }),
            found: None,
        })
    }

    fn unknown_variant(variant: &str, allowed: &'static [&'static str]) -> Self {
        Self::new(Problem::UnknownValue {
            // What looks like a URL may hold a password.
            found: Some(variant.to_owned()).filter(|found| !found.contains("://")),
            nearest: nearest(variant, allowed.iter().copied()).map(str::to_owned),
            allowed: allowed.iter().map(|&name| name.to_owned()).collect(),
        })
    }

    fn unknown_field(key: &str, allowed: &'static [&'static str]) -> Self {
        Self::unknown_key(key, allowed)
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Problem::MissingKey { key: key.to_owned() })
    }

    fn duplicate_field(key: &'static str) -> Self {
        Self::custom(format_args!("key `{key}` is given twice, under two of its names"))
    }
}

/// The kind of what is there, and the value itself where it helps: a string may be a secret in the wrong place.
fn in_words(found: Unexpected<'_>) -> (&str, Option<String>) {
    match found {
        Unexpected::Bool(value) => ("a truth value", Some(value.to_string())),
        Unexpected::Unsigned(number) => ("a number", Some(number.to_string())),
        Unexpected::Signed(number) => ("a number", Some(number.to_string())),
        Unexpected::Float(number) => ("a number", Some(format!("{number:?}"))),
        Unexpected::Str(_) | Unexpected::Char(_) => ("a string", None),
        Unexpected::Seq => ("an array", None),
        Unexpected::Map | Unexpected::StructVariant => ("a table", None),
        Unexpected::Other(words) => (words, None),
        _ => ("something else", None),
    }
}

/// serde's name of a Rust type, in the words of TOML.
fn wanted(expected: &dyn Expected) -> String {
    let words = expected.to_string();
    match words.as_str() {
        "f32" | "f64" => "a number".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number, not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "a table".to_owned(),
        _ if words.starts_with("a nonzero ") => "a whole number, at least 1".to_owned(),
        _ if words.starts_with("struct ") => "a table".to_owned(),
        _ if words.starts_with("enum ") => "a string".to_owned(),
        _ => match words.strip_prefix("a tuple of size ") {
            Some(length) => format!("an array of {length} values"),
            None => words,
        },
    }
}
