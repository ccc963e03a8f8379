//! One client of ServeGen: `t,rate,cv,Gamma|Weibull,shape,scale`, a window a row, from which calls are sampled.
//!
//! Source: alibaba/ServeGen (NSDI '26), `servegen/construct.py`. For a window of W seconds it draws ceil(rate W) gaps
//! between calls, rescales them so that they fill the window, and leaves out the call that the last gap would end
//! with, on the window's edge: n + 1 gaps make n calls. Here n is rate W rounded up or down at random, so that the
//! expected number of calls is rate W itself. The rescaling cancels the law's scale, which is therefore not used.

use std::path::Path;

use csv::ByteRecord;
use limiter_core::{Micros, Time};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Gamma, Weibull};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::TraceCall;
use super::error::{Fault, TraceError};
use super::lines::Lines;
use super::number::Number;
use super::rows::{Table, check_width};

/// What ServeGen's own windows are; a file with one row does not show its step.
const USUAL_WINDOW: Micros = Micros::from_secs(600);

/// A rate and a window within these keep the gaps of one window, which must be summed before the first call, small.
const MAX_CALLS_PER_SECOND: f64 = 1_000.0;
const MAX_WINDOW: Micros = Micros::from_secs(3_600);

/// Shapes beyond these are no fit to anything: their coefficients of variation are beyond 100 and below 0.001.
const SHAPES: (f64, f64) = (1e-4, 1e6);

const COLUMNS: usize = 6;

/// Whether a line's fields look like a window: two numbers, any third, a law's name or none, two more.
pub(super) fn is_window(fields: &[String]) -> bool {
    let [start, rate, _, law, _, _] = fields else { return false };
    let numeric = |field: &String| field.parse::<f64>().is_ok();
    numeric(start) && numeric(rate) && matches!(law.as_str(), "Gamma" | "Weibull" | "")
}

/// The windows of a file, which follow one another without a gap.
pub(super) struct Windows {
    table: Table,
    first: Option<Time>,
    last: Option<Time>,
    step: Option<Micros>,
}

/// A span of time in which a client's calls follow one law.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Counted from the first window's start.
    start: Time,
    calls_per_second: f64,
    /// `None` where nobody calls.
    law: Option<Law>,
}

/// How the gaps between calls are distributed; their scale does not matter.
#[derive(Clone, Copy, Debug)]
enum Law {
    Gamma(Gamma<f64>),
    Weibull(Weibull<f64>),
}

impl Windows {
    pub(super) fn new(path: &Path, lines: Lines) -> Self {
        Self { table: Table::new(path, lines), first: None, last: None, step: None }
    }

    /// The next window; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Window>, TraceError> {
        let Self { table, first, last, step } = self;
        table.next(|row| {
            check_width(row, COLUMNS)?;
            let at = Number::Text(&row[0]).seconds("t")?;
            if let Some(last) = *last {
                let length = *step.get_or_insert(at.since(last));
                check_step(&row[0], last, at, length)?;
            }
            *last = Some(at);
            let start = Time::ZERO + at.since(*first.get_or_insert(at));
            let calls_per_second = Number::Text(&row[1]).within("rate", 0.0, MAX_CALLS_PER_SECOND)?;
            Number::Text(&row[2]).within("cv", 0.0, 1e9)?;
            let law = if calls_per_second > 0.0 { Some(Law::read(row)?) } else { None };
            Ok(Window { start, calls_per_second, law })
        })
    }

    /// How long each window is, once all have been read.
    pub(super) fn length(&self) -> Micros {
        self.step.unwrap_or(USUAL_WINDOW)
    }

    /// The file behind the windows.
    pub(super) fn lines(&self) -> &Lines {
        self.table.lines()
    }
}

impl Window {
    /// The first moment after it, counted from the first window's start.
    pub(super) fn end(&self, length: Micros) -> Time {
        self.start + length
    }

    /// Calls a second, on average.
    pub(super) fn calls_per_second(&self) -> f64 {
        self.calls_per_second
    }
}

impl Law {
    fn read(row: &ByteRecord) -> Result<Self, Fault> {
        let name = row[3].trim_ascii();
        if !matches!(name, b"Gamma" | b"Weibull") {
            return Err(Fault::field("law", name, "Gamma or Weibull where there is a rate"));
        }
        let field = Number::Text(&row[4]);
        let shape = field.within("shape", SHAPES.0, SHAPES.1)?;
        Number::Text(&row[5]).within("scale", 0.0, 1e15)?;
        let law = if name == b"Gamma" {
            Gamma::new(shape, 1.0).ok().map(Self::Gamma)
        } else {
            Weibull::new(1.0, shape).ok().map(Self::Weibull)
        };
        law.ok_or_else(|| field.fault("shape", "a shape above 0"))
    }
}

fn check_step(field: &[u8], last: Time, at: Time, length: Micros) -> Result<(), Fault> {
    if at <= last {
        return Err(Fault::field("t", field, format!("a later window than that at {last}")));
    }
    if length > MAX_WINDOW {
        return Err(Fault::field(
            "t",
            field,
            format!("windows of at most {MAX_WINDOW}, this one follows {last}"),
        ));
    }
    if at.since(last) != length {
        return Err(Fault::field(
            "t",
            field,
            format!("windows of {length} without a gap, this one follows {last}"),
        ));
    }
    Ok(())
}

/// Calls that are sampled from windows, in the order of their arrival.
pub(super) struct Sampled {
    windows: Windows,
    length: Micros,
    /// The state from which the next window's stream begins: windows do not depend on each other's draws.
    stream: Xoshiro256PlusPlus,
    start: Time,
    /// Where each gap of the window ends, in the law's unit. The last ends with the window and makes no call.
    ends: Vec<f64>,
    next: usize,
}

impl Sampled {
    /// Calls from `windows` of `length` each.
    pub(super) fn new(windows: Windows, length: Micros, seed: u64) -> Self {
        let stream = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { windows, length, stream, start: Time::ZERO, ends: Vec::new(), next: 0 }
    }

    /// The next call; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<TraceCall>, TraceError> {
        loop {
            if let [ends @ .., whole] = self.ends.as_slice()
                && let Some(end) = ends.get(self.next)
            {
                self.next += 1;
                let offset = (end / whole * self.length.get() as f64).round();
                return Ok(Some(TraceCall::at(self.start + Micros::new(offset as u64))));
            }
            let Some(window) = self.windows.next()? else { return Ok(None) };
            self.fill(&window);
        }
    }

    /// Draws the gaps of `window`.
    fn fill(&mut self, window: &Window) {
        let mut rng = self.stream.clone();
        self.stream.jump();
        self.start = window.start;
        self.next = 0;
        self.ends.clear();
        let Some(law) = window.law else { return };
        let expected = window.calls_per_second * self.length.as_secs_f64();
        let gaps = (expected + rng.random::<f64>()).floor() as usize + 1;
        match law {
            Law::Gamma(law) => self.draw(law, gaps, &mut rng),
            Law::Weibull(law) => self.draw(law, gaps, &mut rng),
        }
    }

    fn draw(&mut self, law: impl Distribution<f64>, gaps: usize, rng: &mut Xoshiro256PlusPlus) {
        let mut sum = 0.0;
        self.ends.extend(law.sample_iter(&mut *rng).take(gaps).map(|gap| {
            sum += gap;
            sum
        }));
        if !sum.is_normal() {
            // The law is so bursty that its gaps leave the range of `f64`; in the limit one of them is the whole window.
            let longest = rng.random_range(0..gaps);
            self.ends.iter_mut().enumerate().for_each(|(gap, end)| *end = f64::from(gap >= longest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::open;
    use crate::trace::{Format, Trace};

    fn arrivals(trace: &Trace, seed: u64) -> Vec<u64> {
        trace.calls(seed).unwrap().map(|call| call.unwrap().arrival.as_micros()).collect()
    }

    /// `windows` of ten minutes of the same law.
    fn windows(windows: u64, rest: &str) -> String {
        (0..windows).map(|window| format!("{},{rest}\r\n", window * 600)).collect()
    }

    #[test]
    fn windows_are_filled_with_as_many_calls_as_their_rate_says() {
        let (_saved, trace) =
            open("1200,0,0,,0,0\n1800,0.5,1.9,Gamma,0.27,3.4\n2400,0.1,1.2,Weibull,0.8,9\n");
        let trace = trace.unwrap();
        assert_eq!((trace.format(), trace.call_count()), (Format::ServeGen, 360));
        assert_eq!(trace.span(), Micros::from_secs(1_800));
        let arrivals = arrivals(&trace, 1);
        let minutes = |from, until| arrivals.iter().filter(|at| (from..until).contains(*at)).count();
        assert_eq!(minutes(0, 600_000_000), 0);
        assert_eq!(minutes(600_000_000, 1_200_000_000), 300);
        assert_eq!(minutes(1_200_000_000, 1_800_000_001), 60);
        assert!(arrivals.is_sorted());
    }

    #[test]
    fn a_seed_gives_the_same_calls_and_another_seed_others() {
        let (_saved, trace) = open(&windows(3, "1,1,Gamma,1,1"));
        let trace = trace.unwrap();
        assert_eq!(arrivals(&trace, 7), arrivals(&trace, 7));
        assert_ne!(arrivals(&trace, 7), arrivals(&trace, 8));
    }

    #[test]
    fn a_window_does_not_depend_on_the_draws_of_those_before() {
        let first = |rate: &str| {
            let (_saved, trace) = open(&format!("0,{rate},1,Gamma,1,1\n600,1,1,Weibull,1,1\n"));
            let arrivals = arrivals(&trace.unwrap(), 7);
            arrivals.into_iter().filter(|at| *at > 600_000_000).collect::<Vec<_>>()
        };
        assert_eq!(first("1"), first("5"));
    }

    #[test]
    fn the_number_of_calls_is_rounded_without_bias() {
        let (_saved, trace) = open(&windows(1_000, "0.001,1,Gamma,1,1"));
        let trace = trace.unwrap();
        assert_eq!(trace.call_count(), 600);
        let mean = (0..10).map(|seed| arrivals(&trace, seed).len()).sum::<usize>() as f64 / 10.0;
        // The standard error is (1000 · 0.6 · 0.4 / 10)^½ ≈ 4.9.
        assert!((mean - 600.0).abs() < 15.0, "{mean}");
    }

    #[test]
    fn gaps_have_the_variation_of_their_law() {
        for (law, expected) in [("Gamma,0.25,1", 2.0), ("Gamma,4,1", 0.5), ("Weibull,0.5,1", 5_f64.sqrt())] {
            let (_saved, trace) = open(&windows(1, &format!("200,1,{law}")));
            let arrivals = arrivals(&trace.unwrap(), 3);
            let gaps: Vec<_> = arrivals.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            let found = variance.sqrt() / mean;
            assert!((found / expected - 1.0).abs() < 0.03, "{law}: {found}");
        }
    }

    #[test]
    fn the_burstiest_laws_stay_within_their_window() {
        for law in ["Gamma,0.0001,1", "Weibull,0.0001,1", "Gamma,1000000,1"] {
            let (_saved, trace) = open(&windows(50, &format!("0.01,1,{law}")));
            let trace = trace.unwrap();
            let arrivals = arrivals(&trace, 1);
            assert_eq!(arrivals.len(), 300);
            assert!(arrivals.is_sorted() && arrivals[299] <= trace.span().get(), "{law}");
        }
    }

    #[test]
    fn bad_windows_are_named() {
        for (row, column) in [
            ("600,1,1,Gamma,0,1", "shape"),
            ("600,-1,1,Gamma,1,1", "rate"),
            ("600,1e9,1,Gamma,1,1", "rate"),
            ("600,1,nan,Gamma,1,1", "cv"),
            ("600,1,1,Gamma,1,inf", "scale"),
            ("600,1,1,,0,0", "law"),
            ("600,1,1,Pareto,1,1", "law"),
            ("0,1,1,Gamma,1,1", "t"),
            ("7200,1,1,Gamma,1,1", "t"),
            ("600,1,1,Gamma,1,1\n1201,1,1,Gamma,1,1", "t"),
        ] {
            let error = open(&format!("0,1,1,Gamma,1,1\n{row}\n")).1.unwrap_err();
            assert!(
                matches!(&error, TraceError::Field { column: found, .. } if *found == column),
                "{row}: {error}"
            );
        }
    }
}
