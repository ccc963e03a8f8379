//! Runs a scenario under every contender and in every replication, on all cores.

use adaptive::{InvalidSetting, Settings};
use limiter_core::Window;
use rayon::prelude::*;

use crate::arrivals::Source;
use crate::attempt::Recorder;
use crate::contender::Contender;
use crate::oracle::Oracle;
use crate::scenario::Scenario;
use crate::stream::{Streams, Subsystem};
use crate::summarise::Field;
use crate::tally::Run;
use crate::trace::{Trace, TraceError};
use crate::world::{Gate, Pilot, World};

/// What to simulate.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The world.
    pub scenario: &'a Scenario,
    /// Takes the place of the scenario's arrivals.
    pub trace: Option<&'a Trace>,
    /// What the operator has set.
    pub settings: &'a Settings,
    /// Who is compared.
    pub contenders: &'a [Contender],
    /// How often.
    pub replications: u32,
    /// Where all streams come from.
    pub seed: u64,
}

/// Why a simulation failed.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A setting cannot be.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

impl Plan<'_> {
    /// Runs them all, on as many threads as the pool that it is called in has. The results do not depend on it.
    ///
    /// `recorder` makes the recorder of one run, `on_hour` is told of each simulated hour of each run. Returns
    /// the runs and the recorders, by contender and replication in order.
    ///
    /// # Errors
    /// The first one, by contender and replication in order.
    pub fn simulate<R: Recorder + Send>(
        &self,
        recorder: impl Fn(Contender, u32) -> R + Sync,
        on_hour: impl Fn() + Sync,
    ) -> Result<(Vec<Field>, Vec<R>), SimulateError> {
        let turns: Vec<_> = (self.contenders.iter())
            .flat_map(|contender| (0..self.replications).map(move |replication| (*contender, replication)))
            .collect();
        let done: Vec<_> = turns
            .into_par_iter()
            .map(|(contender, replication)| {
                self.run(contender, replication, recorder(contender, replication), &on_hour)
            })
            .collect();
        let mut fields: Vec<Field> =
            self.contenders.iter().map(|contender| (*contender, Vec::new())).collect();
        let mut recorders = Vec::new();
        for (index, result) in done.into_iter().enumerate() {
            let (run, recorder) = result?;
            fields[index / self.replications as usize].1.push(run);
            recorders.push(recorder);
        }
        Ok((fields, recorders))
    }

    /// Runs one replication of one contender.
    ///
    /// # Errors
    /// Where a setting cannot be, or a trace cannot be read.
    pub fn run<R: Recorder>(
        &self,
        contender: Contender,
        replication: u32,
        recorder: R,
        on_hour: impl Fn(),
    ) -> Result<(Run, R), SimulateError> {
        let streams = Streams::new(self.seed, replication);
        let source = match self.trace {
            Some(trace) => {
                let calls = trace.calls(streams.seed(Subsystem::Trace, 0, 0))?;
                Source::trace(calls, self.scenario.horizon)?
            }
            None => Source::of(self.scenario, &streams),
        };
        let world = World::new(self.scenario, source, self.gate(contender)?, streams, recorder);
        Ok(world.run(on_hour)?)
    }

    fn gate(&self, contender: Contender) -> Result<Gate, InvalidSetting> {
        let limiter = &self.settings.limiter;
        Ok(match contender {
            Contender::None => Gate::Open,
            Contender::Controller(kind) => {
                let control = self.settings.control_loop(kind)?;
                Gate::Limiter { window: limiter.window()?, pilot: Pilot::Loop(Box::new(control)) }
            }
            Contender::Oracle => {
                // It knows the window too; the guard stays, as nobody knows what a network will do.
                let window = Window { period: self.scenario.provider.window_span, ..limiter.window()? };
                Gate::Limiter { window, pilot: Pilot::Oracle(Oracle::new(), limiter.limits()?.pacing) }
            }
        })
    }
}
