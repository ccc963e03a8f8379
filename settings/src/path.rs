//! A key's way from the top of a document.

use std::fmt;

/// A key's way from the top of a document, shown as `provider.overload[0].refuse`; arrays count from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Part>);

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Into a table.
    Key(String),
    /// Into an array.
    Index(usize),
}

impl KeyPath {
    /// Whether this is the top of the document.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.0
    }

    pub(crate) fn then(&self, part: Part) -> Self {
        Self(self.0.iter().cloned().chain([part]).collect())
    }

    /// The same way, seen from the table or array around it.
    pub(crate) fn prepend(&mut self, part: Part) {
        self.0.insert(0, part);
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.iter().enumerate() {
            match part {
                Part::Key(key) if place == 0 => f.write_str(&shown(key))?,
                Part::Key(key) => write!(f, ".{}", shown(key))?,
                Part::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A word from outside, as a message may hold it: on one line, without control characters, not endless.
pub(crate) fn shown(word: &str) -> String {
    const LONGEST: usize = 60;
    let clipped: String = word.chars().take(LONGEST).flat_map(escaped).collect();
    if word.chars().nth(LONGEST).is_some() { clipped + "…" } else { clipped }
}

fn escaped(letter: char) -> Vec<char> {
    if letter.is_control() { letter.escape_default().collect() } else { vec![letter] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_the_keys_in_the_file() {
        let mut path = KeyPath::default().then(Part::Index(2)).then(Part::Key("refuse".into()));
        path.prepend(Part::Key("overload".into()));
        path.prepend(Part::Key("provider".into()));
        assert_eq!(path.to_string(), "provider.overload[2].refuse");
        assert_eq!(KeyPath::default().to_string(), "");
    }

    #[test]
    fn words_from_outside_are_clipped_and_cannot_drive_a_terminal() {
        assert_eq!(shown("a\u{1b}[31m"), "a\\u{1b}[31m");
        assert_eq!(shown(&"x".repeat(61)).chars().count(), 61);
    }
}
