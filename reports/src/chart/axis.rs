//! Scales: from a value to a place on the paper, and the values worth a mark.

use crate::text;

/// An upright axis that starts at zero, or at a share that all exceed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueAxis {
    /// The lowest value on the axis.
    pub low: f64,
    /// The highest value on the axis.
    pub top: f64,
    step: f64,
    bottom_px: f64,
    top_px: f64,
}

impl ValueAxis {
    /// An axis up to `highest` between two heights on the paper. `smallest_step` is 1 for what comes in whole
    /// numbers, 0 for what does not.
    pub(crate) fn new(highest: f64, (bottom_px, top_px): (f64, f64), marks: f64, smallest_step: f64) -> Self {
        let highest = if highest.is_finite() && highest > 0.0 { highest } else { 1.0 };
        let step = nice_step(highest / marks).max(smallest_step);
        // A little air, so that the highest value does not lie on the frame.
        Self { low: 0.0, top: (highest * 1.06).max(step), step, bottom_px, top_px }
    }

    /// An axis of shares up to all, from as high up as leaves room for `lowest`.
    pub(crate) fn shares(lowest: f64, (bottom_px, top_px): (f64, f64)) -> Self {
        /// Where it may begin, and the step from there to all.
        const BEGINNINGS: [(f64, f64); 13] = [
            (0.98, 0.005),
            (0.97, 0.005),
            (0.96, 0.01),
            (0.95, 0.01),
            (0.94, 0.01),
            (0.92, 0.02),
            (0.9, 0.02),
            (0.88, 0.02),
            (0.8, 0.05),
            (0.7, 0.05),
            (0.5, 0.1),
            (0.4, 0.1),
            (0.2, 0.2),
        ];
        let (low, step) = BEGINNINGS.into_iter().find(|(low, _)| *low <= lowest).unwrap_or((0.0, 0.2));
        Self { low, top: 1.0, step, bottom_px, top_px }
    }

    /// Where a value lies; values beyond the axis lie on its end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.top - self.low)).clamp(0.0, 1.0);
        self.bottom_px + (self.top_px - self.bottom_px) * share
    }

    /// The values worth a mark, and how they read.
    pub(crate) fn marks(&self) -> Vec<(f64, String)> {
        let digits = if self.step >= 1.0 { 0 } else { (-self.step.log10()).ceil().clamp(0.0, 6.0) as usize };
        let count = ((self.top - self.low) / self.step + 1e-9).floor() as u32;
        (0..=count)
            .map(|index| {
                let value = self.low + f64::from(index) * self.step;
                let reads = match digits {
                    0 => text::compact(value as u64),
                    _ if index == 0 => "0".to_owned(),
                    _ => format!("{value:.digits$}"),
                };
                (value, reads)
            })
            .collect()
    }
}

/// The time of a run from left to right, in minutes from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeAxis {
    from: f64,
    minutes: f64,
    left: f64,
    right: f64,
}

impl TimeAxis {
    /// An axis over so many minutes between two places on the paper.
    pub(crate) fn new(minutes: usize, paper: (f64, f64)) -> Self {
        Self::excerpt((0, minutes), paper)
    }

    /// An axis from one minute up to another.
    pub(crate) fn excerpt((from, to): (usize, usize), (left, right): (f64, f64)) -> Self {
        Self { from: from as f64, minutes: (to.saturating_sub(from) as f64).max(1.0), left, right }
    }

    /// Where a minute begins.
    pub(crate) fn place(&self, minute: f64) -> f64 {
        self.left + (self.right - self.left) * ((minute - self.from) / self.minutes).clamp(0.0, 1.0)
    }

    /// The minutes worth a mark and how they read, and the unit in which they do.
    pub(crate) fn marks(&self) -> (Vec<(f64, String)>, &'static str) {
        const MOST_MARKS: f64 = 14.0;
        let (unit, noun, steps): (f64, _, &[f64]) = if self.from + self.minutes <= 180.0 {
            (1.0, "minutes", &[1.0, 2.0, 5.0, 10.0, 15.0, 30.0])
        } else if self.minutes <= 96.0 * 60.0 {
            (60.0, "hours", &[0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0])
        } else {
            (1440.0, "days", &[1.0, 2.0, 7.0, 14.0, 28.0])
        };
        let length = self.minutes / unit;
        let fits = steps.iter().copied().find(|step| length / step <= MOST_MARKS);
        let step = fits.unwrap_or_else(|| nice_step(length / MOST_MARKS));
        let (from, to) = (self.from / unit, (self.from + self.minutes) / unit);
        let (first, last) = ((from / step - 1e-9).ceil() as u32, (to / step + 1e-9).floor() as u32);
        let marks = (first..=last).map(|index| {
            let value = f64::from(index) * step;
            (value * unit, text::hours(value))
        });
        (marks.collect(), noun)
    }
}

/// A logarithmic axis from left to right; values below its start lie on its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogAxis {
    lowest: i32,
    highest: i32,
    left: f64,
    right: f64,
}

impl LogAxis {
    /// An axis over these powers of ten between two places on the paper.
    pub(crate) fn new((lowest, highest): (i32, i32), (left, right): (f64, f64)) -> Self {
        Self { lowest, highest: highest.max(lowest + 1), left, right }
    }

    /// Where a value lies.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let decades = f64::from(self.highest - self.lowest);
        let share = (value.max(f64::MIN_POSITIVE).log10() - f64::from(self.lowest)) / decades;
        self.left + (self.right - self.left) * share.clamp(0.0, 1.0)
    }

    /// The powers of ten.
    pub(crate) fn marks(&self) -> Vec<f64> {
        (self.lowest..=self.highest).map(|power| 10_f64.powi(power)).collect()
    }

    /// The values between the powers of ten.
    pub(crate) fn small_marks(&self) -> Vec<f64> {
        (self.lowest..self.highest)
            .flat_map(|power| (2..10).map(move |factor| f64::from(factor) * 10_f64.powi(power)))
            .collect()
    }
}

/// Moves places apart until they are `gap` from each other, within bounds and in their order; each moves little.
pub(crate) fn spread(places: &mut [f64], gap: f64, (from, to): (f64, f64)) {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|&one, &other| places[one].total_cmp(&places[other]));
    let mut lowest = from;
    for &index in &order {
        places[index] = places[index].max(lowest);
        lowest = places[index] + gap;
    }
    let mut highest = to;
    for &index in order.iter().rev() {
        places[index] = places[index].min(highest);
        highest = places[index] - gap;
    }
}

/// The next of 1, 2 and 5 times a power of ten.
pub(crate) fn nice_step(atleast: f64) -> f64 {
    if !atleast.is_finite() || atleast <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(atleast.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= atleast * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers() {
        let read = |highest, whole| {
            let marks = ValueAxis::new(highest, (100.0, 0.0), 4.0, whole).marks();
            marks.into_iter().map(|(_, reads)| reads).collect::<Vec<_>>()
        };
        assert_eq!(read(7.3, 0.0), ["0", "2", "4", "6"]);
        assert_eq!(read(0.0, 0.0), ["0", "0.5", "1.0"]);
        assert_eq!(read(3.0, 1.0), ["0", "1", "2", "3"]);
        assert_eq!(read(100_000.0, 0.0), ["0", "50k", "100k"]);
    }

    #[test]
    fn time_is_marked_in_its_unit() {
        let read = |minutes| {
            let (marks, unit) = TimeAxis::new(minutes, (0.0, 1000.0)).marks();
            (marks.len(), marks.last().map(|mark| mark.1.clone()).unwrap_or_default(), unit)
        };
        assert_eq!(read(1), (2, "1".to_owned(), "minutes"));
        assert_eq!(read(10), (11, "10".to_owned(), "minutes"));
        assert_eq!(read(1440), (13, "24".to_owned(), "hours"));
        assert_eq!(read(14 * 1440), (15, "14".to_owned(), "days"));
        assert!(read(5_000_000).0 <= 15);
        let (marks, unit) = TimeAxis::excerpt((12_000, 12_180), (0.0, 1000.0)).marks();
        assert_eq!((marks[0].clone(), unit), ((12_000.0, "200".to_owned()), "hours"));
        assert!(marks.len() > 5 && marks.len() <= 15);
    }

    #[test]
    fn shares_begin_where_there_is_something_to_see() {
        let read = |lowest| ValueAxis::shares(lowest, (100.0, 0.0)).marks().len();
        assert_eq!(
            [0.1, 0.3, 0.959, 1.0].map(|lowest| ValueAxis::shares(lowest, (100.0, 0.0)).low),
            [0.0, 0.2, 0.95, 0.98]
        );
        assert_eq!([0.1, 0.3, 0.959, 1.0].map(read), [6, 5, 6, 5]);
        assert_eq!(ValueAxis::shares(0.959, (100.0, 0.0)).place(0.95), 100.0);
    }

    #[test]
    fn labels_are_moved_apart_and_stay_in_order() {
        let mut places = [10.0, 11.0, 12.0, 90.0, 99.0];
        spread(&mut places, 10.0, (0.0, 100.0));
        assert_eq!(places, [10.0, 20.0, 30.0, 90.0, 100.0]);
        let mut crowded = [100.0; 5];
        spread(&mut crowded, 10.0, (0.0, 100.0));
        assert_eq!(crowded, [60.0, 70.0, 80.0, 90.0, 100.0]);
    }
}
