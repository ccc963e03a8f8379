//! A text that was read, and still knows where everything in it was written.

use serde::de::DeserializeOwned;

use crate::cursor::Cursor;
use crate::error::SettingsError;
use crate::node::Node;
use crate::overlay;
use crate::place::Place;

/// A TOML text that was read, and still knows where everything in it was written.
pub struct Document {
    origin: String,
    root: Node,
}

impl Document {
    /// Reads `text`; `origin` (a file's name) is what errors call it.
    ///
    /// # Errors
    /// Where the text is not TOML, or holds a whole number in hexadecimal, octal or binary beyond 64 bits.
    pub fn parse(origin: &str, text: &str) -> Result<Self, SettingsError> {
        Ok(Self { origin: origin.to_owned(), root: Node::document(origin, text)? })
    }

    /// Overrides keys with those of `vars` that are called `RATEPILOT__SECTION__KEY`; others are passed over.
    ///
    /// Sections nest (`RATEPILOT__A__B__C` is `a.b.c`); a name may be in upper or lower case, the key is in lower
    /// case. A value is TOML where it reads as TOML (numbers, `true`, arrays, inline tables) and a string
    /// otherwise; a key that wants a string gets the text as it is, even `0123`.
    ///
    /// # Errors
    /// Where a name has an empty part, leads into a value that is not a table, or two variables name one key.
    /// Unknown keys and wrong types are found by [`Document::read`].
    pub fn overlay(&mut self, vars: impl IntoIterator<Item = (String, String)>) -> Result<(), SettingsError> {
        overlay::apply(&mut self.root, vars)
    }

    /// Overrides `path` (`section.key`) with the value of the variable called `variable`, which is read as
    /// [`Document::overlay`] reads one.
    ///
    /// # Errors
    /// Where the path leads into a value that is not a table.
    pub fn set(&mut self, path: &str, variable: &str, value: &str) -> Result<(), SettingsError> {
        overlay::set(&mut self.root, path.split('.'), variable, value)
    }

    /// Reads the document into a `T`; its structs may hold their own keys and no others.
    ///
    /// # Errors
    /// Where a key is unknown or missing, or a value has another type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        // A fault without a place is one of the whole.
        T::deserialize(&self.root).map_err(|error| error.at(&Place::Document(self.origin.as_str().into())))
    }

    /// The top of the document, from where its keys are reached.
    pub fn root(&self) -> Cursor<'_> {
        Cursor::new(&self.root)
    }
}
