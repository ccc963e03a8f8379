//! When calls arrive: streamed, one at a time, never all of them in the event queue.

use limiter_core::{Micros, Time};
use rand::RngExt;
use rand_distr::{Distribution, Exp1};

use crate::scenario::{Process, Scenario, Session, SessionMix, Steps};
use crate::stream::{Stream, Streams, Subsystem, log_normal};
use crate::trace::{TraceCall, TraceError};

/// The call numbers of one session, or of one worker, start at a multiple of this.
const SESSION_STRIDE: u64 = 10_000;
/// See above: a worker makes fewer calls than this within any horizon.
const WORKER_STRIDE: u64 = 1_000_000_000;

/// What arrives from outside, in the order of time.
pub enum Source<'a> {
    /// Independent calls.
    Poisson(Gaps<'a>),
    /// Sessions of calls.
    Sessions {
        /// When they start.
        gaps: Gaps<'a>,
        /// What they are.
        mix: &'a SessionMix,
    },
    /// Nothing: workers make their own calls.
    Workers,
    /// The calls of a trace.
    Trace {
        /// The call after the next.
        rest: Box<dyn Iterator<Item = Result<TraceCall, TraceError>> + 'a>,
        /// The next call.
        next: Option<TraceCall>,
        /// How many came before it.
        number: u64,
        /// None later than this.
        horizon: Time,
    },
}

/// One arrival.
#[derive(Clone, Copy, Debug)]
pub enum Arrival {
    /// A call of that number.
    Call(u64),
    /// A call of a trace, of that number.
    Traced(u64, TraceCall),
    /// A session of that number.
    Session(u64),
}

/// The gaps of a Poisson process whose rate changes in steps.
pub struct Gaps<'a> {
    per_hour: &'a Steps<f64>,
    /// Events an hour for each unit of the rate.
    scale: f64,
    stream: Stream,
    next: Option<Time>,
    horizon: Time,
    number: u64,
}

impl<'a> Source<'a> {
    /// The arrivals that the scenario describes.
    pub fn of(scenario: &'a Scenario, streams: &Streams) -> Self {
        let stream = streams.of(Subsystem::Arrivals);
        match &scenario.arrivals.process {
            Process::Poisson(per_hour) => Self::Poisson(Gaps::new(per_hour, 1.0, stream, scenario.horizon)),
            Process::Sessions { calls_per_hour, mix } => {
                let scale = 1.0 / mix.mean_calls();
                Self::Sessions { gaps: Gaps::new(calls_per_hour, scale, stream, scenario.horizon), mix }
            }
            Process::Saturated { .. } => Self::Workers,
        }
    }

    /// The arrivals of a trace, instead.
    ///
    /// # Errors
    /// Where its first row cannot be read.
    pub fn trace(
        calls: impl Iterator<Item = Result<TraceCall, TraceError>> + 'a,
        horizon: Time,
    ) -> Result<Self, TraceError> {
        let mut rest = Box::new(calls);
        let next = rest.next().transpose()?.filter(|call| call.arrival < horizon);
        Ok(Self::Trace { rest, next, number: 0, horizon })
    }

    /// When the next one arrives; `None`: no more.
    pub fn next_at(&self) -> Option<Time> {
        match self {
            Self::Poisson(gaps) | Self::Sessions { gaps, .. } => gaps.next,
            Self::Workers => None,
            Self::Trace { next, .. } => next.map(|call| call.arrival),
        }
    }

    /// Takes the next one.
    ///
    /// # Errors
    /// Where a trace cannot be read on.
    pub fn take(&mut self) -> Result<Option<Arrival>, TraceError> {
        Ok(match self {
            Self::Poisson(gaps) => gaps.take().map(Arrival::Call),
            Self::Sessions { gaps, .. } => gaps.take().map(Arrival::Session),
            Self::Workers => None,
            Self::Trace { rest, next, number, horizon } => {
                let Some(call) = *next else { return Ok(None) };
                // Sorted, so the first call beyond the horizon ends it.
                *next = rest.next().transpose()?.filter(|call| call.arrival < *horizon);
                *number += 1;
                Some(Arrival::Traced(*number - 1, call))
            }
        })
    }
}

impl<'a> Gaps<'a> {
    /// A process whose rate is `per_hour` times `scale`, from the start until before `horizon`.
    pub fn new(per_hour: &'a Steps<f64>, scale: f64, stream: Stream, horizon: Time) -> Self {
        let mut gaps = Self { per_hour, scale, stream, next: Some(Time::ZERO), horizon, number: 0 };
        gaps.advance(Time::ZERO);
        gaps
    }

    /// When the next event is.
    pub fn next_at(&self) -> Option<Time> {
        self.next
    }

    /// Takes the next event: its number.
    pub fn take(&mut self) -> Option<u64> {
        let at = self.next?;
        self.advance(at);
        self.number += 1;
        Some(self.number - 1)
    }

    /// An exponential gap of mean 1, spent step by step at the rate in force.
    fn advance(&mut self, mut at: Time) {
        let mut left: f64 = Exp1.sample(&mut self.stream);
        while at < self.horizon {
            let per_s = self.per_hour.at(at) * self.scale / 3_600.0;
            let step_ends = self.per_hour.next_change(at).unwrap_or(Time::MAX);
            let within_step = step_ends.since(at).as_secs_f64();
            if per_s * within_step > left {
                self.next = Some(at + Micros::from_secs_f64(left / per_s)).filter(|at| *at < self.horizon);
                return;
            }
            left -= per_s * within_step;
            at = step_ends;
        }
        self.next = None;
    }
}

impl SessionMix {
    fn kinds(&self) -> [(Shape, &Session); 3] {
        [(Shape::Row, &self.chain), (Shape::Row, &self.react), (Shape::FanOut, &self.fan_out)]
    }

    /// Calls in a session, on average.
    pub fn mean_calls(&self) -> f64 {
        let kinds = self.kinds();
        let weight: f64 = kinds.iter().map(|(_, kind)| kind.weight).sum();
        let calls: f64 = kinds.iter().map(|(shape, kind)| kind.weight * shape.mean_calls(kind)).sum();
        calls / weight
    }
}

/// In which order a session's calls depend on each other.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Each on the one before.
    Row,
    /// One that plans, several in parallel that depend on it, one that depends on all of those.
    FanOut,
}

impl Shape {
    fn mean_calls(self, kind: &Session) -> f64 {
        let mean = f64::midpoint(f64::from(kind.calls.0), f64::from(kind.calls.1));
        match self {
            Self::Row => mean,
            Self::FanOut => mean + 2.0,
        }
    }
}

/// A session that is under way.
#[derive(Clone, Debug)]
pub struct Course {
    number: u64,
    shape: Shape,
    calls: u32,
    pause_s: crate::scenario::LogNormal,
    stage: u32,
    made: u64,
    /// Calls of this stage that have not ended.
    pub outstanding: u32,
    stream: Stream,
}

impl Course {
    /// The session of that number.
    pub fn new(number: u64, mix: &SessionMix, streams: &Streams) -> Self {
        let mut stream = streams.tied(Subsystem::Sessions, number, 0);
        let kinds = mix.kinds();
        let weight: f64 = kinds.iter().map(|(_, kind)| kind.weight).sum();
        let mut chance = stream.random::<f64>() * weight;
        let mut chosen = kinds[0];
        for kind in kinds.into_iter().filter(|(_, kind)| kind.weight > 0.0) {
            chosen = kind;
            chance -= kind.1.weight;
            if chance < 0.0 {
                break;
            }
        }
        let (shape, kind) = chosen;
        let calls = stream.random_range(kind.calls.0..=kind.calls.1);
        Self { number, shape, calls, pause_s: kind.pause_s, stage: 0, made: 0, outstanding: 0, stream }
    }

    /// Begins the next stage: the numbers of the calls that arrive now; none where the session is over.
    pub fn begin_stage(&mut self) -> std::ops::Range<u64> {
        let width = match (self.shape, self.stage) {
            (Shape::Row, stage) => u32::from(stage < self.calls),
            (Shape::FanOut, 0 | 2) => 1,
            (Shape::FanOut, 1) => self.calls,
            (Shape::FanOut, _) => 0,
        };
        self.stage += 1;
        self.outstanding = width;
        let first = self.number * SESSION_STRIDE + self.made;
        self.made += u64::from(width);
        first..first + u64::from(width)
    }

    /// The pause before the next stage.
    pub fn pause(&mut self) -> Micros {
        Micros::from_secs_f64(log_normal(&self.pause_s, &mut self.stream))
    }
}

/// The number of the session that a call belongs to.
pub fn session_of(call: u64) -> u64 {
    call / SESSION_STRIDE
}

/// The number of a worker's `made`-th call, from 0.
pub fn worker_call(worker: u32, made: u32) -> u64 {
    u64::from(worker) * WORKER_STRIDE + u64::from(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::LogNormal;

    fn hours(hours: f64) -> Time {
        Time::from_secs_f64(hours * 3_600.0)
    }

    #[test]
    fn the_rate_follows_its_steps() {
        let steps =
            Steps::new(vec![(Time::ZERO, 1_000.0), (hours(10.0), 0.0), (hours(20.0), 5_000.0)]).unwrap();
        let stream = Streams::new(3, 0).of(Subsystem::Arrivals);
        let mut gaps = Gaps::new(&steps, 2.0, stream, hours(30.0));
        let mut counts = [0_u32; 3];
        while let Some(at) = gaps.next_at() {
            counts[(at.as_secs_f64() / 36_000.0) as usize] += 1;
            gaps.take();
        }
        // Four standard deviations of a Poisson count.
        assert!(counts[0].abs_diff(20_000) < 4 * 142, "{counts:?}");
        assert_eq!(counts[1], 0);
        assert!(counts[2].abs_diff(100_000) < 4 * 317, "{counts:?}");
    }

    #[test]
    fn a_fan_out_plans_spreads_and_sums_up() {
        let fan_out = Session { weight: 1.0, calls: (4, 4), pause_s: LogNormal { median: 1.0, sigma: 0.0 } };
        let none = Session { weight: 0.0, ..fan_out };
        let mix = SessionMix { chain: none, react: none, fan_out };
        assert!((mix.mean_calls() - 6.0).abs() < 1e-12);
        let mut course = Course::new(7, &mix, &Streams::new(1, 0));
        let stages: Vec<_> = (0..4).map(|_| course.begin_stage()).collect();
        assert_eq!(stages, [70_000..70_001, 70_001..70_005, 70_005..70_006, 70_006..70_006]);
    }

    #[test]
    fn the_mean_number_of_calls_is_what_sessions_have() {
        let pause_s = LogNormal { median: 1.0, sigma: 0.5 };
        let mix = SessionMix {
            chain: Session { weight: 0.5, calls: (2, 4), pause_s },
            react: Session { weight: 0.3, calls: (3, 8), pause_s },
            fan_out: Session { weight: 0.2, calls: (3, 6), pause_s },
        };
        let streams = Streams::new(5, 0);
        let mut calls = 0;
        for number in 0..20_000 {
            let mut course = Course::new(number, &mix, &streams);
            loop {
                let stage = course.begin_stage();
                if stage.is_empty() {
                    break;
                }
                calls += stage.count();
            }
        }
        let mean = calls as f64 / 20_000.0;
        assert!((mean - mix.mean_calls()).abs() < 0.06, "{mean} and {}", mix.mean_calls());
    }
}
