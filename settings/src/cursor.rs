//! A key of a document, to say what is wrong with its value.

use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

use crate::error::{Problem, SettingsError};
use crate::node::{Node, Value};
use crate::path::{KeyPath, Part};

/// A key of a document, there or not, to check its value and to say what is wrong with it.
#[derive(Clone)]
pub struct Cursor<'d> {
    root: &'d Node,
    path: KeyPath,
}

impl<'d> Cursor<'d> {
    pub(crate) fn new(root: &'d Node) -> Self {
        Self { root, path: KeyPath::default() }
    }

    /// A key of this table.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self { root: self.root, path: self.path.then(Part::Key(key.to_owned())) }
    }

    /// A value of this array, counted from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self { root: self.root, path: self.path.then(Part::Index(index)) }
    }

    /// An error that says that the value here breaks `rule`, which begins with "must".
    ///
    /// It names the value where that is a number or a truth value of a text; `rule` must not hold it, for it may
    /// come from a variable. A key that is not there is placed where the table around it is.
    #[must_use]
    pub fn reject(&self, rule: impl Into<String>) -> SettingsError {
        let parts = self.path.parts();
        let mut nearest = self.root;
        let mut found = Some(self.root);
        for part in parts {
            found = found.and_then(|node| node.child(part));
            nearest = found.unwrap_or(nearest);
        }
        let found = found.and_then(|node| match &node.value {
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(number) => Some(format!("{number:?}")),
            Value::Flag(flag) => Some(flag.to_string()),
            _ => None,
        });
        SettingsError::new(Problem::NotAllowed { found, rule: rule.into() })
            .of(self.path.clone())
            .at(&nearest.place)
    }

    /// `value`, which was read from here, where it is `allowed`. NaN never is.
    ///
    /// # Errors
    /// Where it is not; the error names the bounds, and ends with `advice` where that is not empty.
    pub fn within<N>(&self, value: N, allowed: impl RangeBounds<N>, advice: &str) -> Result<N, SettingsError>
    where
        N: PartialOrd + Display,
    {
        if allowed.contains(&value) {
            return Ok(value);
        }
        let low = match allowed.start_bound() {
            Bound::Included(low) => Some(format!("at least {low}")),
            Bound::Excluded(low) => Some(format!("above {low}")),
            Bound::Unbounded => None,
        };
        let high = match allowed.end_bound() {
            Bound::Included(high) => Some(format!("at most {high}")),
            Bound::Excluded(high) => Some(format!("below {high}")),
            Bound::Unbounded => None,
        };
        let bounds: Vec<_> = low.into_iter().chain(high).collect();
        let separator = if advice.is_empty() { "" } else { ": " };
        Err(self.reject(format!("must be {}{separator}{advice}", bounds.join(" and "))))
    }
}

#[cfg(test)]
mod tests {
    use crate::Document;

    const TEXT: &str = "[pool]\nshare = 1.5\nsteps = [[0, 60], [6, 0]]\nname = 'secret'\n";

    #[test]
    fn a_broken_rule_is_told_with_key_value_and_place() {
        let document = Document::parse("f.toml", TEXT).unwrap();
        let pool = document.root().key("pool");
        let cases = [
            (pool.key("share"), "f.toml, line 2, column 9: `pool.share` is 1.5, but must be less"),
            (
                pool.key("steps").index(1).index(1),
                "f.toml, line 3, column 23: `pool.steps[1][1]` is 0, but must be less",
            ),
            (pool.key("name"), "f.toml, line 4, column 8: `pool.name` must be less"),
            (pool.key("absent"), "f.toml, line 1, column 1: `pool.absent` must be less"),
            (document.root(), "f.toml: the document must be less"),
        ];
        for (cursor, message) in cases {
            assert_eq!(cursor.reject("must be less").to_string(), message);
        }
    }

    #[test]
    fn bounds_are_told_in_words() {
        use std::ops::Bound::{Excluded, Included};

        let document = Document::parse("f.toml", TEXT).unwrap();
        let share = document.root().key("pool").key("share");
        let start = "f.toml, line 2, column 9: `pool.share` is 1.5, but must be";
        assert_eq!(share.within(0.5, 0.0..=1.0, ""), Ok(0.5));
        assert_eq!(
            share.within(1.5, 0.0..=1.0, "it is a share").unwrap_err().to_string(),
            format!("{start} at least 0 and at most 1: it is a share")
        );
        let above = (Excluded(0.0), Included(1.0));
        assert_eq!(
            share.within(f64::NAN, above, "").unwrap_err().to_string(),
            format!("{start} above 0 and at most 1")
        );
    }

    #[test]
    fn a_variable_is_named_and_its_value_is_not() {
        let mut document = Document::parse("f.toml", TEXT).unwrap();
        document.overlay([("RATEPILOT__POOL__SHARE".to_owned(), "77".to_owned())]).unwrap();
        let error = document.root().key("pool").key("share").reject("must be less");
        assert_eq!(
            error.to_string(),
            "environment variable RATEPILOT__POOL__SHARE: `pool.share` must be less"
        );
    }
}
