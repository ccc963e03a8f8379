//! What may name a pool: what can stand in a key, a log line and a metric's label without harm.

use thiserror::Error;

use crate::error::BadPool;

/// The longest name of a pool, in bytes.
pub const MAX_POOL_NAME: usize = 256;

/// How much of a bad name an error repeats, in characters.
const QUOTED: usize = 64;

/// What is wrong with a pool's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameProblem {
    /// It has no characters.
    #[error("it is empty; a model's name is a good one")]
    Empty,
    /// It is longer than [`MAX_POOL_NAME`].
    #[error("it has {bytes} bytes; {MAX_POOL_NAME} are the most")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It holds a control character or a brace (braces delimit the part of a key that Redis hashes).
    #[error("it holds {character:?}; leave out control characters and braces")]
    Forbidden {
        /// The first such character.
        character: char,
    },
}

/// Whether `name` may name a pool.
pub(crate) fn check(name: &str) -> Result<(), BadPool> {
    match problem(name) {
        None => Ok(()),
        Some(problem) => Err(BadPool { name: name.chars().take(QUOTED).collect(), problem }),
    }
}

fn problem(name: &str) -> Option<NameProblem> {
    if name.is_empty() {
        return Some(NameProblem::Empty);
    }
    if name.len() > MAX_POOL_NAME {
        return Some(NameProblem::TooLong { bytes: name.len() });
    }
    let character = name.chars().find(|c| c.is_control() || matches!(c, '{' | '}'))?;
    Some(NameProblem::Forbidden { character })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models_pass() {
        for name in ["test", "glm-4.6", "z.ai/GLM 4.5:air", "知识库", &"x".repeat(MAX_POOL_NAME)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_would_harm_a_key_or_a_log_line_does_not() {
        assert_eq!(problem(""), Some(NameProblem::Empty));
        assert_eq!(problem(&"é".repeat(129)), Some(NameProblem::TooLong { bytes: 258 }));
        assert_eq!(problem("a\nb"), Some(NameProblem::Forbidden { character: '\n' }));
        assert_eq!(problem("{a}"), Some(NameProblem::Forbidden { character: '{' }));
        let long = check(&"x".repeat(100_000)).map_err(|bad| bad.name.len());
        assert_eq!(long, Err(QUOTED), "an error does not repeat a long name");
    }
}
