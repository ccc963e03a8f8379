//! Minutes gathered into columns and bins: a run may have more minutes than a chart has pixels.

use simulator::results::{Minute, Timeline};

/// The lowest and the highest value within a column; nothing where there is none.
pub(crate) type Range = Option<(f64, f64)>;

/// Minutes, so many to a column that no column is narrower than a pixel.
pub(crate) struct Columns<'a> {
    minutes: &'a [Minute],
    /// How many minutes a column holds; the last may hold fewer.
    pub each: usize,
}

impl<'a> Columns<'a> {
    /// Columns for at most so many pixels.
    pub(crate) fn new(minutes: &'a [Minute], pixels: f64) -> Self {
        let most = (pixels as usize).max(1);
        Self { minutes, each: minutes.len().div_ceil(most).max(1) }
    }

    /// A value's range in every column.
    pub(crate) fn ranges(&self, value: impl Fn(&Minute) -> Option<u64>) -> Vec<Range> {
        let range = |minutes: &[Minute]| {
            let values = minutes.iter().filter_map(&value);
            values.fold(None, |range: Option<(u64, u64)>, value| {
                let (low, high) = range.unwrap_or((value, value));
                Some((low.min(value), high.max(value)))
            })
        };
        self.each().map(|minutes| range(minutes).map(|(low, high)| (low as f64, high as f64))).collect()
    }

    /// A value's mean in every column.
    pub(crate) fn means(&self, value: impl Fn(&Minute) -> u64) -> Vec<f64> {
        let sum = |minutes: &[Minute]| minutes.iter().map(|minute| value(minute) as f64).sum::<f64>();
        self.each().map(|minutes| sum(minutes) / minutes.len() as f64).collect()
    }

    /// Where a column begins and ends, in minutes.
    pub(crate) fn span(&self, column: usize) -> (f64, f64) {
        let begin = column * self.each;
        (begin as f64, (begin + self.each).min(self.minutes.len()) as f64)
    }

    /// All minutes of all columns.
    pub(crate) fn minutes(&self) -> &'a [Minute] {
        self.minutes
    }

    fn each(&self) -> std::slice::Chunks<'a, Minute> {
        self.minutes.chunks(self.each)
    }
}

/// Refusals an hour in every bin, as a mean over replications.
pub(crate) struct Bins {
    each: usize,
    /// The rate in every bin; a last bin that is cut short is a rate all the same.
    pub rates: Vec<f64>,
}

impl Bins {
    /// Bins of an hour; shorter for a run of a few hours, longer for one of many weeks.
    pub(crate) fn new(timelines: &[&Timeline]) -> Self {
        const MOST_BINS: usize = 340;
        let length = timelines.iter().map(|timeline| timeline.minutes.len()).max().unwrap_or_default();
        let each = match length {
            0..=60 => 1,
            61..=360 => 10,
            _ => {
                [60, 360, 1_440, 10_080].into_iter().find(|each| length / each <= MOST_BINS).unwrap_or(40_320)
            }
        };
        let rate = |bin: usize| {
            let (mut hits, mut minutes) = (0_u64, 0_usize);
            for timeline in timelines {
                let part = timeline.minutes.iter().skip(bin * each).take(each);
                hits += part.clone().map(|minute| u64::from(minute.hits)).sum::<u64>();
                minutes += part.count();
            }
            hits as f64 / minutes.max(1) as f64 * 60.0
        };
        Self { each, rates: (0..length.div_ceil(each)).map(rate).collect() }
    }

    /// The highest rate.
    pub(crate) fn highest(&self) -> f64 {
        self.rates.iter().copied().fold(0.0, f64::max)
    }

    /// Where a bin begins and ends, in minutes.
    pub(crate) fn span(&self, bin: usize) -> (f64, f64) {
        ((bin * self.each) as f64, ((bin + 1) * self.each) as f64)
    }

    /// A bin's length in words: `hour`, `10 minutes`.
    pub(crate) fn length(&self) -> &'static str {
        match self.each {
            1 => "minute",
            10 => "10 minutes",
            60 => "hour",
            360 => "6 hours",
            1_440 => "day",
            10_080 => "week",
            _ => "4 weeks",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_keeps_its_extremes() {
        let minutes = minutes([3, 0, 9, 1, 5]);
        let columns = Columns::new(&minutes, 3.0);
        assert_eq!(columns.each, 2);
        assert_eq!(
            columns.ranges(|minute| Some(u64::from(minute.hits))),
            [Some((0.0, 3.0)), Some((1.0, 9.0)), Some((5.0, 5.0))]
        );
        assert_eq!(columns.means(|minute| u64::from(minute.hits)), [1.5, 5.0, 5.0]);
        assert_eq!(columns.span(2), (4.0, 5.0));
        assert_eq!(columns.ranges(|minute| minute.limit_calls), [None, None, None]);
    }

    #[test]
    fn bins_are_rates_over_all_replications() {
        let timeline = |hits| Timeline {
            scenario: String::new(),
            controller: String::new(),
            replication: 0,
            minutes: minutes([hits; 90]),
        };
        let bins = Bins::new(&[&timeline(1), &timeline(3)]);
        assert_eq!((bins.length(), bins.rates.len(), bins.highest()), ("10 minutes", 9, 120.0));
        assert_eq!(Bins::new(&[]).rates, Vec::<f64>::new());
    }

    fn minutes<const N: usize>(hits: [u32; N]) -> Vec<Minute> {
        hits.into_iter().map(|hits| Minute { hits, ..Minute::default() }).collect()
    }
}
