//! One part of a sweep that several machines share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// More parts than points make no sense.
const MOST: u32 = 10_000;

/// One of several equal parts, taken in turns: the first of three has the points 0, 3, 6, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// From 0.
    index: u32,
    of: u32,
}

impl Shard {
    /// How many parts there are.
    pub fn of(self) -> u32 {
        self.of
    }

    /// All parts.
    pub fn all(of: u32) -> impl Iterator<Item = Self> {
        (0..of).map(move |index| Self { index, of })
    }

    /// Its name; both of them, where it has two.
    pub fn names(self) -> String {
        if self.index == 0 { format!("0/{0} (that is {0}/{0})", self.of) } else { self.to_string() }
    }

    /// Its part.
    pub fn part<T>(self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.index as usize).step_by(self.of.max(1) as usize).collect()
    }
}

/// Counted from 0: `0/8`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = anyhow::Error;

    /// Kubernetes counts from 0, Slurm as it is told: `8/8` is `0/8`, so that either way there are all parts.
    fn from_str(text: &str) -> Result<Self, anyhow::Error> {
        let numbers: Option<(u32, u32)> =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match numbers.filter(|(index, of)| (1..=MOST).contains(of) && index <= of) {
            Some((index, of)) => Ok(Self { index: index % of, of }),
            None => anyhow::bail!(
                "must be I/N, as 0/8: part I of N, counted from 0 or from 1, of at most {MOST} parts"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_the_whole() {
        for numbers in [["0/3", "1/3", "2/3"], ["1/3", "2/3", "3/3"]] {
            let mut all: Vec<u32> = numbers
                .iter()
                .flat_map(|text| text.parse::<Shard>().unwrap().part((0..8).collect()))
                .collect();
            all.sort_unstable();
            assert_eq!(all, (0..8).collect::<Vec<_>>());
        }
        assert_eq!("1/3".parse::<Shard>().unwrap().part((0..8).collect()), [1, 4, 7]);
        assert_eq!("9/20".parse::<Shard>().unwrap().part(vec![0, 1]), [0; 0]);
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for text in ["5/3", "0/0", "1", "/3", "1/", "-1/3", "1/3/5", "a/b", "1/4294967296", "0/10001", ""] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
