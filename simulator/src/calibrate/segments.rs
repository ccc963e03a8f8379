//! Where a log changes: exact segmentation into stretches of one state, by dynamic programming.
//!
//! Each event has a cost in each state, a change costs a penalty, and the cheapest path through all events is found
//! exactly: Viterbi's algorithm, "Error bounds for convolutional codes", 1967. As any state may follow any other, only the
//! best one has to be looked at, and the time is events times states (the thought is that of Killick, Fearnhead and
//! Eckley, "Optimal detection of changepoints with a linear computational cost", 2012).

/// The cheapest paths so far, one into each state.
#[derive(Debug)]
pub(super) struct Segmenter {
    penalty: f64,
    costs: Vec<f64>,
    /// The change that each path came by, in `changes`, plus one; 0 is the beginning.
    came: Vec<usize>,
    changes: Vec<Change>,
    best: usize,
}

/// A change at an event, from the best state before it.
#[derive(Debug)]
struct Change {
    at: usize,
    state: usize,
    before: usize,
}

/// A stretch of one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Its first event; the first stretch begins at event 0.
    pub from: usize,
    pub state: usize,
}

impl Segmenter {
    /// Paths through so many states, at least one; a change costs `penalty`.
    pub fn new(states: usize, penalty: f64) -> Self {
        let states = states.max(1);
        Self { penalty, costs: vec![0.0; states], came: vec![0; states], changes: Vec::new(), best: 0 }
    }

    /// The event at `index`, which costs so much in each state.
    pub fn offer(&mut self, index: usize, cost: impl Fn(usize) -> f64) {
        let jump = self.costs[self.best] + self.penalty;
        let id = self.changes.len() + 1;
        let mut changed = false;
        for (cost, came) in self.costs.iter_mut().zip(&mut self.came).filter(|(cost, _)| **cost > jump) {
            (*cost, *came) = (jump, id);
            changed = true;
        }
        if changed {
            // The best state's own path is cheaper than a jump, and so is as it was.
            self.changes.push(Change { at: index, state: self.best, before: self.came[self.best] });
        }
        let mut least = f64::INFINITY;
        for (state, total) in self.costs.iter_mut().enumerate() {
            *total += cost(state);
            if *total < least {
                (least, self.best) = (*total, state);
            }
        }
    }

    /// The cheapest path of all.
    pub fn path(&self) -> Vec<Stretch> {
        let mut path = Vec::new();
        let (mut state, mut came) = (self.best, self.came[self.best]);
        while came > 0 {
            let change = &self.changes[came - 1];
            path.push(Stretch { from: change.at, state });
            (state, came) = (change.state, change.before);
        }
        path.push(Stretch { from: 0, state });
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cheapest(costs: &[Vec<f64>], penalty: f64) -> (f64, Vec<Stretch>) {
        let mut segmenter = Segmenter::new(costs[0].len(), penalty);
        for (index, event) in costs.iter().enumerate() {
            segmenter.offer(index, |state| event[state]);
        }
        let path = segmenter.path();
        (segmenter.costs[segmenter.best], path)
    }

    #[test]
    fn a_change_is_found_where_it_is_and_not_where_it_costs_more_than_it_saves() {
        let event =
            |state: usize| (0..2).map(|other| if other == state { 0.0 } else { 1.0 }).collect::<Vec<_>>();
        let costs: Vec<_> = [0, 0, 0, 1, 1, 1, 1, 0, 1].map(event).into();
        let (cost, path) = cheapest(&costs, 2.5);
        assert_eq!(path, [Stretch { from: 0, state: 0 }, Stretch { from: 3, state: 1 }]);
        assert_eq!(cost, 3.5);
    }

    proptest! {
        /// Every path of a few events is tried.
        #[test]
        fn no_path_is_cheaper(
            costs in prop::collection::vec(prop::collection::vec(0.0_f64..4.0, 3), 1..7),
            penalty in 0.1_f64..4.0,
        ) {
            let events = costs.len() as u32;
            let of_path = |code: u32| {
                let states: Vec<_> = (0..events).map(|event| (code / 3_u32.pow(event) % 3) as usize).collect();
                let changes = states.windows(2).filter(|pair| pair[0] != pair[1]).count() as f64;
                let own: f64 = states.iter().zip(&costs).map(|(state, event)| event[*state]).sum();
                own + changes * penalty
            };
            let least = (0..3_u32.pow(events)).map(of_path).fold(f64::INFINITY, f64::min);
            let (cost, path) = cheapest(&costs, penalty);
            prop_assert!((cost - least).abs() < 1e-9, "{cost}, not {least}");
            prop_assert!(path.windows(2).all(|pair| pair[0].from < pair[1].from));
        }
    }
}
