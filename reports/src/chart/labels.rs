//! Places for a few labels among many dots.

/// Half a label's height, with the air around it.
const HALF: f64 = 13.0;
/// Between a mark and a label beside it.
const ASIDE: f64 = 18.0;
/// How far below its mark a label may lie; the nearest first.
const BELOW: [f64; 11] = [-9.0, 9.0, 0.0, -32.0, 32.0, -56.0, 56.0, -80.0, 80.0, -110.0, 110.0];

/// The middle of each label, by the place of its mark and its width: within the panel, on no other label, and on as few
/// dots as can be. Of places as good as each other it is the one that lies least above or below.
pub(crate) fn arrange(
    labels: &[((f64, f64), f64)],
    dots: &[(f64, f64)],
    (left, right): (f64, f64),
    (top, bottom): (f64, f64),
) -> Vec<(f64, f64)> {
    let mut placed: Vec<((f64, f64), f64)> = Vec::new();
    for &((x, y), width) in labels {
        let half = width / 2.0 + 5.0;
        let candidates = BELOW.iter().flat_map(|below| {
            // Straight above or below it has no room where it would touch the mark.
            let straight = (below.abs() > HALF + 8.0)
                .then(|| x.clamp((left + half).min(right - half), (right - half).max(left + half)));
            let beside = [x + ASIDE + half, x - ASIDE - half];
            straight.into_iter().chain(beside).map(move |at| (at, y + below))
        });
        let cost = |&(at_x, at_y): &(f64, f64)| {
            let is_out =
                at_x - half < left || at_x + half > right || at_y - HALF < top || at_y + HALF > bottom;
            let covers = |&(dot_x, dot_y): &(f64, f64)| {
                (dot_x - at_x).abs() < half + 8.0 && (dot_y - at_y).abs() < HALF + 8.0
            };
            let meets = |&((other_x, other_y), other): &((f64, f64), f64)| {
                (other_x - at_x).abs() < half + other && (other_y - at_y).abs() < 2.0 * HALF
            };
            let covered = dots.iter().filter(|dot| covers(dot)).count();
            usize::from(is_out) * 1_000_000
                + placed.iter().filter(|other| meets(other)).count() * 10_000
                + covered
        };
        // `min_by_key` takes the first of equal ones, and that is the nearest.
        let at = candidates.min_by_key(cost).unwrap_or((x, y));
        placed.push((at, half));
    }
    placed.into_iter().map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANEL: ((f64, f64), (f64, f64)) = ((0.0, 500.0), (0.0, 400.0));

    #[test]
    fn a_label_covers_neither_dots_nor_labels_and_stays_on_the_panel() {
        let marks = [(495.0, 5.0), (490.0, 10.0), (100.0, 200.0)];
        let dots: Vec<_> =
            marks.into_iter().chain((0..10).map(|index| (120.0 + 9.0 * f64::from(index), 195.0))).collect();
        let labels: Vec<_> = marks.iter().map(|mark| (*mark, 80.0)).collect();
        let at = arrange(&labels, &dots, PANEL.0, PANEL.1);
        for (index, (x, y)) in at.iter().enumerate() {
            assert!((45.0..=455.0).contains(x) && (13.0..=387.0).contains(y), "{at:?}");
            assert!(dots.iter().all(|dot| (dot.0 - x).abs() > 45.0 || (dot.1 - y).abs() > 13.0), "{at:?}");
            let others = at[..index].iter();
            assert!(
                others.clone().all(|other| (other.0 - x).abs() >= 90.0 || (other.1 - y).abs() >= 26.0),
                "{at:?}"
            );
        }
    }

    #[test]
    fn where_there_is_no_free_place_there_is_still_one() {
        let dots: Vec<_> =
            (0..500).flat_map(|x| (0..40).map(move |y| (f64::from(x), f64::from(y) * 10.0))).collect();
        assert_eq!(arrange(&[((250.0, 200.0), 80.0)], &dots, PANEL.0, PANEL.1).len(), 1);
    }
}
