//! `ratepilot generate`.

use adaptive::Settings;
use simulator::trace::{TraceCall, write_csv};
use simulator::{Attempt, Contender, Plan, Recorder};

use crate::args::{Common, Generate};
use crate::asked::{horizon, scenario};
use crate::console::say;
use crate::fault::Fault;
use crate::folder::write_file;

/// Writes the calls of a scenario's callers as a trace.
///
/// # Errors
/// Where there is no such scenario, or the file cannot be written.
pub fn run(args: &Generate, common: &Common) -> Result<(), Fault> {
    let mut scenario = scenario(&args.scenario)?;
    if let Some(hours) = args.hours {
        scenario.horizon = horizon(hours)?;
    }
    scenario.provider = scenario.provider.unlimited();
    let plan = Plan {
        scenario: &scenario,
        trace: None,
        settings: &Settings::default(),
        contenders: &[Contender::None],
        replications: 1,
        seed: args.seed,
    };
    let (_, Demand(mut calls)) =
        plan.run(Contender::None, 0, Demand(Vec::new()), || {}).map_err(Fault::failure)?;
    // Calls reach the provider in another order than the one in which they were made.
    calls.sort_by_key(|call| call.arrival);
    let written = calls.len();
    let hours = scenario.horizon.as_secs_f64() / 3_600.0;
    if written == 0 {
        let length = reports::text::length(hours);
        return Err(Fault::failure(anyhow::anyhow!("no call arrives within {length}; give more --hours")));
    }
    write_file(&args.out, |mut out| write_csv(calls.into_iter(), &mut out).map(drop))?;
    if common.json {
        return say(&format!(
            "{}\n",
            serde_json::json!({ "written": args.out, "calls": written, "hours": hours })
        ));
    }
    say(&format!("{written} calls of {} are in {}\n", reports::text::length(hours), args.out.display()))
}

struct Demand(Vec<TraceCall>);

impl Recorder for Demand {
    fn record(&mut self, attempt: &Attempt) {
        self.0.push(TraceCall {
            input_tokens: Some(attempt.input_tokens),
            output_tokens: Some(attempt.output_tokens),
            ..TraceCall::at(attempt.arrival)
        });
    }
}
