//! A variant of an enum: `"name"`, or `{ name = content }`.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};

use crate::error::{Problem, SettingsError};
use crate::node::{Entry, Node};
use crate::path::Part;

/// A variant of an enum: its name, and what it holds.
pub(crate) struct Variant<'n> {
    name: &'n str,
    entry: Option<&'n Entry>,
}

impl<'n> Variant<'n> {
    /// The variant that a string names; it holds nothing.
    pub(crate) fn named(name: &'n str) -> Self {
        Self { name, entry: None }
    }

    /// The variant that a table's only key names.
    pub(crate) fn of(entry: &'n Entry) -> Self {
        Self { name: &entry.key, entry: Some(entry) }
    }

    /// What `read` makes of the variant's content.
    fn content<T>(self, read: impl FnOnce(&'n Node) -> Result<T, SettingsError>) -> Result<T, SettingsError> {
        match self.entry {
            Some(entry) => read(&entry.node).map_err(|error| error.inside(Part::Key(entry.key.clone()))),
            None => Err(other_shape(format!("a table: {{ {} = … }}", self.name), "a string")),
        }
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = SettingsError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), SettingsError> {
        let variant = seed.deserialize(self.name.into_deserializer());
        let variant = variant.map_err(|error: SettingsError| match self.entry {
            Some(entry) => error.at(&entry.key_place),
            None => error,
        })?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = SettingsError;

    fn unit_variant(self) -> Result<(), SettingsError> {
        match self.entry {
            None => Ok(()),
            Some(_) => Err(other_shape(format!("the string \"{}\"", self.name), "a table")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, SettingsError> {
        self.content(|node| seed.deserialize(node))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, SettingsError> {
        self.content(|node| node.deserialize_tuple(length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SettingsError> {
        self.content(|node| node.deserialize_struct("", fields, visitor))
    }
}

fn other_shape(expected: String, kind: &str) -> SettingsError {
    SettingsError::new(Problem::WrongType { expected, kind: kind.to_owned(), found: None })
}
