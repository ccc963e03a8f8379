//! Random streams: one for each seed, replication and subsystem, and within it one for each thing drawn for.
//!
//! A draw is tied to what it is drawn for (a call, an attempt, a session), not to the order of draws: so two
//! controllers see the same world, call by call, whatever they do (common random numbers).

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::scenario::LogNormal;

/// The generator: its values are the same on every platform and in every version.
pub type Stream = Xoshiro256PlusPlus;

/// What is drawn for.
#[derive(Clone, Copy, Debug)]
pub enum Subsystem {
    /// When calls, or the sessions that they belong to, arrive.
    Arrivals = 1,
    /// What a session is, and its pauses.
    Sessions,
    /// A call's tokens, and how fast it is served.
    Calls,
    /// The delays of an attempt, and how long a client backs off after it.
    Clients,
    /// What the provider does at random.
    Provider,
    /// Other users of the account.
    Foreign,
    /// What a trace leaves to chance.
    Trace,
}

/// The streams of one replication.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    root: u64,
}

impl Streams {
    /// Those of one seed and replication.
    pub fn new(seed: u64, replication: u32) -> Self {
        Self { root: mix(mix(seed) ^ u64::from(replication)) }
    }

    /// A subsystem's own stream, for what is drawn in order.
    pub fn of(&self, subsystem: Subsystem) -> Stream {
        self.tied(subsystem, 0, 0)
    }

    /// The stream tied to one thing, for instance to a call and its attempt.
    pub fn tied(&self, subsystem: Subsystem, thing: u64, part: u32) -> Stream {
        Stream::seed_from_u64(self.seed(subsystem, thing, part))
    }

    /// The seed of that stream, for those who make their own.
    pub fn seed(&self, subsystem: Subsystem, thing: u64, part: u32) -> u64 {
        mix(mix(self.root ^ subsystem as u64) ^ mix(thing) ^ (u64::from(part) << 40))
    }
}

/// A draw from a log-normal distribution given by its median.
pub fn log_normal(distribution: &LogNormal, stream: &mut Stream) -> f64 {
    if distribution.sigma == 0.0 {
        return distribution.median;
    }
    let z: f64 = StandardNormal.sample(stream);
    distribution.median * (distribution.sigma * z).exp()
}

/// SplitMix64's finaliser (Steele, Lea and Flood, 2014): every bit of the input changes half of the output.
const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::Rng;

    use super::*;

    #[test]
    fn streams_differ_in_every_part_of_their_key() {
        let keys = [(1, 0), (1, 1), (2, 0)];
        let mut firsts = BTreeSet::new();
        for (seed, replication) in keys {
            let streams = Streams::new(seed, replication);
            for subsystem in [Subsystem::Arrivals, Subsystem::Calls, Subsystem::Provider] {
                for thing in 0..50 {
                    for part in 0..4 {
                        firsts.insert(streams.tied(subsystem, thing, part).next_u64());
                    }
                }
            }
        }
        assert_eq!(firsts.len(), 3 * 3 * 50 * 4);
    }

    #[test]
    fn the_generator_is_portable() {
        assert_eq!(Streams::new(1, 0).of(Subsystem::Arrivals).next_u64(), 9_428_674_876_246_556_695);
    }

    #[test]
    fn the_median_is_the_median() {
        let distribution = LogNormal { median: 300.0, sigma: 0.8 };
        let mut stream = Streams::new(7, 0).of(Subsystem::Calls);
        let below = (0..20_000).filter(|_| log_normal(&distribution, &mut stream) < 300.0).count();
        assert!((9_800..10_200).contains(&below), "{below} of 20000 below the median");
    }
}
