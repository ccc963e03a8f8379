//! Two settings of `max_calls_per_minute` on the same calls: what does a low start cost, and what does it save?
//!
//!     cargo run --release -p simulator --example compare
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use adaptive::{Kind, LimiterSettings, Settings};
use simulator::scenario::{Scenario, builtin};
use simulator::{Contender, Plan, summarise};

fn main() -> Result<(), Box<dyn Error>> {
    let name = "step-down";
    let scenario = Scenario::parse(name, builtin::find(name)?)?;
    println!("{name}: {}\n", scenario.description);
    println!(
        "{:>12} {:<10} {:>12} {:>10} {:>14} {:>14}",
        "start limit", "controller", "1302 an hour", "calls ok", "calls a minute", "wait p95"
    );
    for max_calls_per_minute in [30, 60] {
        let settings = Settings {
            limiter: LimiterSettings { max_calls_per_minute, ..LimiterSettings::default() },
            ..Settings::default()
        };
        let plan = Plan {
            scenario: &scenario,
            trace: None,
            settings: &settings,
            contenders: &[Contender::Controller(Kind::Fixed), Contender::Controller(Kind::Aimd)],
            replications: 5,
            seed: 1,
        };
        // `()` records no attempts; the second closure could move a progress bar.
        let (runs, _) = plan.simulate(|_, _| (), || {})?;
        let (summary, _, _) = summarise(&scenario, &runs);
        for controller in summary.controllers {
            println!(
                "{max_calls_per_minute:>12} {:<10} {:>12.2} {:>9.2}% {:>14.2} {:>12.1} s",
                controller.name,
                controller.hits_per_hour.mean,
                100.0 * controller.success_rate.unwrap_or(0.0),
                controller.goodput_per_minute.mean,
                controller.added_wait_s.p95,
            );
        }
    }
    Ok(())
}
