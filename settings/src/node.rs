//! A TOML value that knows where it was written.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Problem, SettingsError};
use crate::path::{Part, shown};
use crate::place::{Lines, Place};

/// How deep values may be nested; whoever walks them may recurse.
pub(crate) const DEEPEST: usize = 64;

/// A TOML value, and where it was written.
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
    /// A variable's text as it is: what a key that holds a string gets, even where the text reads as a number.
    pub(crate) raw: Option<String>,
}

/// A TOML value.
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    Date,
    List(Vec<Node>),
    /// In the order of the text, so that the first fault is the first one reported.
    Table(Vec<Entry>),
}

/// A key of a table, and what it holds.
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// The whole of a document.
    pub(crate) fn document(origin: &str, text: &str) -> Result<Self, SettingsError> {
        let lines = Lines::new(origin, text);
        let place_of = |offset| lines.place(offset);
        let root = DeTable::parse(text).map_err(|error| not_toml(&error, text, &lines))?;
        convert(DeValue::Table(root.into_inner()), Place::Document(origin.into()), &place_of, 0)
    }

    /// A variable's value: TOML where it reads as TOML, else the text itself.
    pub(crate) fn variable(name: &Arc<str>, text: &str) -> Self {
        let place = Place::Variable(Arc::clone(name));
        let parsed = DeValue::parse(text.trim())
            .ok()
            .and_then(|value| convert(value.into_inner(), place.clone(), &|_| place.clone(), 0).ok());
        let value = parsed.map_or_else(|| Value::Text(text.to_owned()), |node| node.value);
        let raw = (!matches!(value, Value::Text(_))).then(|| text.to_owned());
        Self { place, value, raw }
    }

    /// What the key or index leads to.
    pub(crate) fn child(&self, part: &Part) -> Option<&Self> {
        match (&self.value, part) {
            (Value::Table(entries), Part::Key(key)) => {
                entries.iter().find(|entry| entry.key == *key).map(|entry| &entry.node)
            }
            (Value::List(nodes), Part::Index(index)) => nodes.get(*index),
            _ => None,
        }
    }

    /// Whether a variable holds any part of this value.
    pub(crate) fn holds_variable(&self) -> bool {
        let inside = match &self.value {
            Value::List(nodes) => nodes.iter().any(Self::holds_variable),
            Value::Table(entries) => entries.iter().any(|entry| entry.node.holds_variable()),
            _ => false,
        };
        inside || matches!(self.place, Place::Variable(_))
    }
}

fn convert(
    value: DeValue<'_>,
    place: Place,
    place_of: &dyn Fn(usize) -> Place,
    depth: usize,
) -> Result<Node, SettingsError> {
    let refuse = |rule: &str| {
        SettingsError::new(Problem::NotAllowed { found: None, rule: rule.to_owned() }).at(&place)
    };
    let float = |digits: &str| digits.parse::<f64>().ok();
    let no_number = || refuse("must be a number");
    if depth > DEEPEST {
        return Err(refuse(&format!("must not be nested deeper than {DEEPEST} levels")));
    }
    let child = |value: Spanned<DeValue<'_>>| {
        let place = place_of(value.span().start);
        convert(value.into_inner(), place, place_of, depth + 1)
    };
    let value = match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) => Value::Integer(number),
            // As a float it is only less exact, and the key that it is for says how large it may be.
            Err(_) if digits.radix() == 10 => Value::Float(float(digits.as_str()).ok_or_else(no_number)?),
            Err(_) => return Err(refuse("must fit into 64 bits")),
        },
        // One beyond all floats is infinite: the key that it is for says how large it may be.
        DeValue::Float(digits) => Value::Float(float(digits.as_str()).ok_or_else(no_number)?),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::List({
            let items = items.into_iter().enumerate();
            items
                .map(|(index, item)| child(item).map_err(|error| error.inside(Part::Index(index))))
                .collect::<Result<_, _>>()?
        }),
        DeValue::Table(table) => {
            let mut entries: Vec<_> = table.into_iter().collect();
            entries.sort_by_key(|(key, _)| key.span().start);
            let entries = entries.into_iter().map(|(key, value)| {
                let key_place = place_of(key.span().start);
                let key = key.into_inner().into_owned();
                let node = child(value).map_err(|error| error.inside(Part::Key(key.clone())))?;
                Ok(Entry { key, key_place, node })
            });
            Value::Table(entries.collect::<Result<_, _>>()?)
        }
    };
    Ok(Node { place, value, raw: None })
}

fn not_toml(error: &toml::de::Error, text: &str, lines: &Lines<'_>) -> SettingsError {
    let span = error.span().unwrap_or(0..0);
    let message = match text.get(span.clone()) {
        Some(key) if error.message() == "duplicate key" => {
            format!("duplicate key `{}`", shown(key))
        }
        _ => error.message().to_owned(),
    };
    SettingsError::new(Problem::Syntax { message }).at(&lines.place(span.start))
}
