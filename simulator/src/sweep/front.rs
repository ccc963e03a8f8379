//! The Pareto front: points that no other beats.

use crate::sweep::Measured;

/// For each point, whether it is on the front: no other has as few refusals, as much goodput and as small an added
/// wait (p95, to a hundredth of a second), and less or more of one of them. Of points that are equal in all three, the first is.
pub fn front(points: &[&Measured]) -> Vec<bool> {
    let aims: Vec<[f64; 3]> = points.iter().map(|point| aims(point)).collect();
    // Sorted, a point can only be beaten by one before it: a beaten one need not be compared with.
    let mut order: Vec<usize> = (0..aims.len()).collect();
    order.sort_by(|&one, &other| {
        let pairs = aims[one].iter().zip(&aims[other]);
        pairs.map(|(one, other)| one.total_cmp(other)).find(|by| by.is_ne()).unwrap_or(one.cmp(&other))
    });
    let mut unbeaten: Vec<usize> = Vec::new();
    for index in order {
        let beats = |other: &&usize| aims[**other].iter().zip(&aims[index]).all(|(other, own)| other <= own);
        if !unbeaten.iter().any(|other| beats(&other)) {
            unbeaten.push(index);
        }
    }
    let mut on_front = vec![false; points.len()];
    for index in unbeaten {
        on_front[index] = true;
    }
    on_front
}

/// Less is better in each.
fn aims(point: &Measured) -> [f64; 3] {
    let summary = &point.summary;
    [summary.hits_per_hour.mean, -summary.goodput_per_minute.mean, point.noticed_wait()[1]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sweep::testing::measured;

    fn marked(points: &[(f64, f64, f64)]) -> Vec<bool> {
        let points: Vec<_> =
            points.iter().map(|(hits, goodput, wait)| measured(*hits, *goodput, *wait)).collect();
        front(&points.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_point_is_beaten_by_one_that_is_nowhere_worse() {
        let worse_everywhere = (3.0, 8.0, 5.0);
        let fewest_hits = (0.0, 5.0, 9.0);
        let most_goodput = (2.0, 9.0, 5.0);
        let shortest_wait = (2.0, 8.0, 1.0);
        assert_eq!(
            marked(&[worse_everywhere, fewest_hits, most_goodput, most_goodput, shortest_wait]),
            [false, true, true, false, true]
        );
        assert_eq!(marked(&[]), [false; 0]);
    }

    proptest! {
        #[test]
        fn every_point_off_the_front_is_beaten_by_one_on_it(points in prop::collection::vec((0..5_u8, 0..5_u8, 0..5_u8), 1..30)) {
            let points: Vec<_> =
                points.into_iter().map(|(a, b, c)| (f64::from(a), f64::from(b), f64::from(c))).collect();
            let marked = marked(&points);
            let no_worse = |one: usize, other: usize| {
                points[one].0 <= points[other].0 && points[one].1 >= points[other].1 && points[one].2 <= points[other].2
            };
            for point in 0..points.len() {
                let beaten = (0..points.len()).any(|other| {
                    other != point && marked[other] && no_worse(other, point)
                });
                prop_assert_eq!(beaten, !marked[point]);
            }
        }
    }
}
