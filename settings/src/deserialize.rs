//! Nodes as a source of serde's data.
//!
//! `toml`'s own deserializer reports with words only; this one keeps the key, its place and the allowed names apart.

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

use crate::error::{Problem, SettingsError};
use crate::node::{Entry, Node, Value};
use crate::path::Part;
use crate::variant::Variant;

impl Node {
    /// `error` with this node's place, unless a part of it was to blame and is named already.
    fn blame(&self, mut error: SettingsError) -> SettingsError {
        if error.place().is_some() {
            return error;
        }
        if self.holds_variable() {
            error.hide_value();
        }
        let key_place = match (&self.value, error.problem()) {
            (Value::Table(entries), Problem::UnknownKey { key, .. }) => {
                entries.iter().find(|entry| entry.key == *key).map(|entry| &entry.key_place)
            }
            _ => None,
        };
        error.at(key_place.unwrap_or(&self.place))
    }

    fn visit<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, SettingsError> {
        match &self.value {
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Flag(flag) => visitor.visit_bool(*flag),
            Value::Date => Err(SettingsError::invalid_type(Unexpected::Other("a date"), &visitor)),
            Value::List(nodes) => {
                let mut items = Items { nodes, next: 0 };
                let value = visitor.visit_seq(&mut items)?;
                match items.next {
                    read if read == nodes.len() => Ok(value),
                    read => Err(SettingsError::invalid_length(nodes.len(), &TupleOf(read))),
                }
            }
            Value::Table(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
    }

    fn visit_text<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, SettingsError> {
        match &self.raw {
            Some(raw) => visitor.visit_borrowed_str(raw),
            None => self.visit(visitor),
        }
    }

    fn visit_enum<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, SettingsError> {
        match (&self.value, &self.raw) {
            (Value::Table(entries), _) if entries.len() == 1 => visitor.visit_enum(Variant::of(&entries[0])),
            (Value::Text(name), _) | (_, Some(name)) => visitor.visit_enum(Variant::named(name)),
            _ => self.visit(visitor),
        }
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = SettingsError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingsError> {
        self.visit(visitor).map_err(|error| self.blame(error))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingsError> {
        self.visit_text(visitor).map_err(|error| self.blame(error))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingsError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingsError> {
        visitor.visit_some(self).map_err(|error| self.blame(error))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, SettingsError> {
        visitor.visit_newtype_struct(self).map_err(|error| self.blame(error))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SettingsError> {
        // Strict whatever the struct's attributes say: a key that is passed over in silence is a setting that
        // its author believes in and nobody obeys.
        if let Value::Table(entries) = &self.value
            && let Some(stranger) = entries.iter().find(|entry| !fields.contains(&entry.key.as_str()))
        {
            return Err(SettingsError::unknown_key(&stranger.key, fields).at(&stranger.key_place));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SettingsError> {
        self.visit_enum(visitor).map_err(|error| self.blame(error))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// The values of an array.
struct Items<'n> {
    nodes: &'n [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = SettingsError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, SettingsError> {
        let Some(node) = self.nodes.get(self.next) else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        seed.deserialize(node).map(Some).map_err(|error| node.blame(error).inside(Part::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len() - self.next)
    }
}

/// The keys and values of a table.
struct Entries<'n> {
    entries: &'n [Entry],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = SettingsError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, SettingsError> {
        let Some(entry) = self.entries.get(self.next) else {
            return Ok(None);
        };
        seed.deserialize(entry.key.as_str().into_deserializer())
            .map(Some)
            .map_err(|error: SettingsError| error.at(&entry.key_place))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, SettingsError> {
        let Some(entry) = self.entries.get(self.next) else {
            return Err(SettingsError::custom("no value is left in the table"));
        };
        self.next += 1;
        seed.deserialize(&entry.node)
            .map_err(|error| entry.node.blame(error).inside(Part::Key(entry.key.clone())))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len() - self.next)
    }
}

/// "An array of so many values", where more are there.
struct TupleOf(usize);

impl Expected for TupleOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a tuple of size {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use crate::parse;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Config {
        name: Option<String>,
        #[serde(default)]
        pool: Pool,
        #[serde(default)]
        rules: Vec<Rule>,
        #[serde(default)]
        models: BTreeMap<String, Pool>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Pool {
        max_calls: u32,
        ratio: f64,
        on: bool,
        kind: Kind,
        steps: Vec<(f64, u8)>,
        nonzero: Option<std::num::NonZeroU16>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        #[default]
        Sliding,
        TokenBucket,
        Rate {
            per_s: f64,
        },
        Custom(String),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "when", rename_all = "lowercase", deny_unknown_fields)]
    enum Rule {
        Always { refuse: f64 },
    }

    #[test]
    fn every_shape_of_value_is_read() {
        let text = "name = 'x'\nmodels.a.ratio = 1\n[pool]\nmax_calls = 5\nratio = 2\non = true\n\
            kind = {rate = {per_s = 1}}\nsteps = [[0, 1], [1.5, 2]]\nnonzero = 1\n[[rules]]\nwhen = 'always'\nrefuse = 0.5";
        let config: Config = parse("f", text).unwrap();
        assert_eq!(config.name.as_deref(), Some("x"));
        assert_eq!(config.pool.kind, Kind::Rate { per_s: 1.0 });
        assert_eq!(config.pool.steps, [(0.0, 1), (1.5, 2)]);
        assert_eq!(config.rules, [Rule::Always { refuse: 0.5 }]);
        assert_eq!(config.models["a"].ratio, 1.0);
        let custom: Config = parse("f", "pool.kind.custom = 'mine'").unwrap();
        assert_eq!(custom.pool.kind, Kind::Custom("mine".into()));
    }

    #[test]
    fn errors_name_the_key_the_place_and_what_is_right() {
        let cases = [
            ("nam = 'x'", "line 1, column 1: unknown key `nam`: did you mean `name`?"),
            ("zzz = 1", "line 1, column 1: unknown key `zzz`: allowed: `name`, `pool`, `rules`, `models`"),
            ("[pol]\non = true", "line 1, column 2: unknown key `pol`: did you mean `pool`?"),
            (
                "[pool]\n\n  max_cals = 1",
                "line 3, column 3: unknown key `max_cals` in `pool`: did you mean `max_calls`?",
            ),
            (
                "pool = { max_cals = 1 }",
                "line 1, column 10: unknown key `max_cals` in `pool`: did you mean `max_calls`?",
            ),
            (
                "pool.max_cals = 1",
                "line 1, column 6: unknown key `max_cals` in `pool`: did you mean `max_calls`?",
            ),
            (
                "[models.x]\nrat1o = 1",
                "line 2, column 1: unknown key `rat1o` in `models.x`: did you mean `ratio`?",
            ),
            ("name = 5", "line 1, column 8: `name` is 5, but must be a string"),
            ("pool = 5", "line 1, column 8: `pool` is 5, but must be a table"),
            (
                "[pool]\nmax_calls = 'sk-secret'",
                "line 2, column 13: `pool.max_calls` is a string, but must be a whole number, not negative",
            ),
            (
                "[pool]\nmax_calls = -1",
                "line 2, column 13: `pool.max_calls` is -1, but must be a whole number, not negative",
            ),
            (
                "[pool]\nmax_calls = 1.0",
                "line 2, column 13: `pool.max_calls` is 1.0, but must be a whole number, not negative",
            ),
            (
                "[pool]\nnonzero = 0",
                "line 2, column 11: `pool.nonzero` is 0, but must be a whole number, at least 1",
            ),
            ("[pool]\nratio = true", "line 2, column 9: `pool.ratio` is true, but must be a number"),
            ("[pool]\nratio = 2026-01-01", "line 2, column 9: `pool.ratio` is a date, but must be a number"),
            ("[pool]\non = []", "line 2, column 6: `pool.on` is an array, but must be true or false"),
            (
                "[pool]\nsteps = [[0, 1],\n [1]]",
                "line 3, column 2: `pool.steps[1]` is an array of 1 value, but must be an array of 2 values",
            ),
            (
                "[pool]\nsteps = [[0, 1, 2]]",
                "line 2, column 10: `pool.steps[0]` is an array of 3 values, but must be an array of 2 values",
            ),
            (
                "[pool]\nsteps = [[0, {}]]",
                "line 2, column 14: `pool.steps[0][1]` is a table, but must be a whole number, not negative",
            ),
            (
                "[pool]\nkind = 'slidng'",
                "line 2, column 8: unknown value `slidng` for `pool.kind`: did you mean `sliding`?",
            ),
            (
                "[pool]\nkind = 'xyz'",
                "line 2, column 8: unknown value `xyz` for `pool.kind`: allowed: `sliding`, `token-bucket`, `rate`, `custom`",
            ),
            ("[pool]\nkind = 3", "line 2, column 8: `pool.kind` is 3, but must be a string"),
            (
                "[pool]\nkind = 'rate'",
                "line 2, column 8: `pool.kind` is a string, but must be a table: { rate = … }",
            ),
            (
                "[pool.kind.rate]\nper = 3",
                "line 2, column 1: unknown key `per` in `pool.kind.rate`: did you mean `per_s`?",
            ),
            ("[[rules]]\nwhen = 'always'", "line 1, column 1: missing key `refuse` in `rules[0]`"),
            (
                "[[rules]]\nwhen = 'alway'",
                "line 2, column 8: unknown value `alway` for `rules[0].when`: did you mean `always`?",
            ),
            (
                "[[rules]]\nwhen = 'always'\nrefuse = 1\nrefuze = 2",
                "line 4, column 1: unknown key `refuze` in `rules[0]`: did you mean `refuse`?",
            ),
            (
                "name = ",
                "line 1, column 8: not valid TOML: string values must be quoted, expected literal string",
            ),
            ("a = 1\na = 2", "line 2, column 1: not valid TOML: duplicate key `a`"),
            (
                "[pool]\nmax_calls = 99999999999999999999",
                "line 2, column 13: `pool.max_calls` is 1e20, but must be a whole number, not negative, \
                 at most 9223372036854775807",
            ),
            (
                "[pool]\nmax_calls = 0xffffffffffffffff",
                "line 2, column 13: `pool.max_calls` must fit into 64 bits",
            ),
            (
                "\"\\u001b[31m\" = 1",
                "line 1, column 1: unknown key `\\u{1b}[31m`: allowed: `name`, `pool`, `rules`, `models`",
            ),
        ];
        for (text, message) in cases {
            let error = parse::<Config>("f.toml", text).unwrap_err();
            assert_eq!(error.to_string(), format!("f.toml, {message}"), "{text}");
        }
    }

    #[test]
    fn a_number_beyond_all_numbers_is_left_to_the_rule_of_its_key() {
        for (text, found) in [("1e999", "inf"), ("99999999999999999999", "1e20"), ("-1e999", "-inf")] {
            let document = crate::Document::parse("f.toml", &format!("[pool]\nratio = {text}\n")).unwrap();
            let config: Config = document.read().unwrap();
            let error = document.root().key("pool").key("ratio").within(config.pool.ratio, 0.0..=1.0, "");
            assert_eq!(
                error.unwrap_err().to_string(),
                format!(
                    "f.toml, line 2, column 9: `pool.ratio` is {found}, but must be at least 0 and at most 1"
                )
            );
        }
    }

    #[test]
    fn a_key_missing_from_the_whole_has_no_line() {
        #[derive(Debug, Deserialize)]
        struct Needs {
            #[serde(rename = "name")]
            _name: String,
        }
        assert_eq!(parse::<Needs>("f.toml", "").unwrap_err().to_string(), "f.toml: missing key `name`");
    }
}
