//! Where a key or a value was written.

use std::fmt;
use std::sync::Arc;

/// Where a key or a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a text; line and column count from 1, the column in characters.
    Line {
        /// The text's name, as a rule a file's.
        origin: Arc<str>,
        /// The line.
        line: usize,
        /// The character in it.
        column: usize,
    },
    /// Somewhere in the text of this name: what is missing has no line.
    Document(Arc<str>),
    /// In the environment variable of this name.
    Variable(Arc<str>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { origin, line, column } => write!(f, "{origin}, line {line}, column {column}"),
            Self::Document(origin) => write!(f, "{origin}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// A text cut into lines, so that a byte offset can be told as line and column.
pub(crate) struct Lines<'t> {
    origin: Arc<str>,
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(origin: &str, text: &'t str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { origin: origin.into(), text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// The place of the byte at `offset`; an offset beyond the end is the end.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let before = self.text.get(start..offset.min(self.text.len())).unwrap_or_default();
        Place::Line { origin: Arc::clone(&self.origin), line, column: before.chars().count() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_become_lines_and_columns_in_characters() {
        let lines = Lines::new("f", "a\né=1\n");
        let shown = |offset| lines.place(offset).to_string();
        assert_eq!(shown(0), "f, line 1, column 1");
        assert_eq!(shown(1), "f, line 1, column 2");
        assert_eq!(shown(4), "f, line 2, column 2");
        assert_eq!(shown(99), "f, line 3, column 1");
    }
}
