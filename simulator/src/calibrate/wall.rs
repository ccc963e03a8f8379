//! How likely a refusal is, by how far an attempt is over the limit.
//!
//! A hard wall refuses whatever is over it. A soft one refuses with probability excess / softness. Either way some
//! attempts do otherwise: times are not exact, and others use the account. Two small probabilities stand for that, and are
//! learned from the log: that of an acceptance above the wall, and of a refusal below it.

/// The wall, and what each answer costs: its negative log-likelihood, in nats.
#[derive(Clone, Debug)]
pub(super) struct Wall {
    /// Calls over which a refusal becomes certain; zero is a hard wall.
    pub softness: f64,
    refuses: [f64; BINS],
    accepted: [f64; BINS],
    refused: [f64; BINS],
}

/// How often attempts above and below a wall were refused and accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub refused_above: u64,
    pub accepted_above: u64,
    pub refused_below: u64,
    pub accepted_below: u64,
}

/// The first bin is what is within the limit, the last what is surely over it, those between divide a soft wall.
const BINS: usize = 258;

/// The probabilities before anything is learned: loose, so that the first segments are few and the noise is learned
/// before it can be taken for changes.
const FIRST_ABOVE: f64 = 0.9;
const FIRST_BELOW: f64 = 0.01;

impl Wall {
    /// A wall before it has learned.
    pub fn first(softness: f64) -> Self {
        Self::new(softness, FIRST_ABOVE, FIRST_BELOW)
    }

    /// A wall that knows how often attempts do otherwise (Krichevsky and Trofimov's estimate, with half an event added
    /// to each side).
    pub fn learned(softness: f64, tally: &Tally) -> Self {
        let share = |part: u64, rest: u64| (part as f64 + 0.5) / (part as f64 + rest as f64 + 1.0);
        let above = share(tally.refused_above, tally.accepted_above);
        Self::new(softness, above.max(0.5), share(tally.refused_below, tally.accepted_below).min(0.2))
    }

    /// The same wall with another softness; a hard one stays as it is.
    pub fn as_soft_as(&self, softness: f64) -> Self {
        if softness == 0.0 {
            self.clone()
        } else {
            Self::new(softness, self.refuses[BINS - 1], self.refuses[0])
        }
    }

    fn new(softness: f64, above: f64, below: f64) -> Self {
        const SURE: f64 = 0.998;
        let mut refuses = [0.0; BINS];
        for (bin, refuses) in refuses.iter_mut().enumerate() {
            *refuses = match bin {
                0 => below,
                _ if softness == 0.0 => above,
                // The middle of the bin, which for whole numbers and softnesses is the number.
                bin => ((bin as f64 - 1.0) / (BINS - 2) as f64).clamp(below, SURE),
            };
        }
        Self {
            softness,
            refuses,
            accepted: refuses.map(|refuses: f64| -(1.0 - refuses).ln()),
            refused: refuses.map(|refuses| -refuses.ln()),
        }
    }

    /// The probability that an attempt so far over is refused.
    pub fn refuses(&self, excess: f64) -> f64 {
        self.refuses[self.bin(excess)]
    }

    /// The cost of an answer to an attempt so far over.
    pub fn cost(&self, excess: f64, refused: bool) -> f64 {
        let bin = self.bin(excess);
        if refused { self.refused[bin] } else { self.accepted[bin] }
    }

    fn bin(&self, excess: f64) -> usize {
        if excess <= 0.0 {
            0
        } else if excess >= self.softness {
            BINS - 1
        } else {
            (excess / self.softness * (BINS - 2) as f64) as usize + 1
        }
    }
}

impl Tally {
    pub fn add(&mut self, excess: f64, refused: bool) {
        let count = match (excess > 0.0, refused) {
            (true, true) => &mut self.refused_above,
            (true, false) => &mut self.accepted_above,
            (false, true) => &mut self.refused_below,
            (false, false) => &mut self.accepted_below,
        };
        *count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_wall_learns_how_often_it_is_wrong() {
        let mut tally = Tally::default();
        (0..99).for_each(|_| tally.add(1.0, true));
        (0..999).for_each(|_| tally.add(0.0, false));
        let wall = Wall::learned(0.0, &tally);
        assert_eq!([wall.refuses(1.0), wall.refuses(0.0)], [99.5 / 100.0, 0.5 / 1_000.0]);
        assert!((wall.cost(0.0, true) - 2_000.0_f64.ln()).abs() < 1e-9);
    }

    /// As a scenario has it: the tenth over a limit of 9 is refused once in ten times, the nineteenth always.
    #[test]
    fn a_soft_wall_refuses_by_how_far_over_it_is() {
        let wall = Wall::first(10.0);
        for over in 1..10 {
            let chance = f64::from(over) / 10.0;
            assert!((wall.refuses(f64::from(over)) - chance).abs() < 0.005, "{over}");
        }
        assert!(wall.refuses(10.0) > 0.99 && wall.refuses(0.0) < 0.02);
    }
}
