//! Draws the charts of sweeps of several shapes, so that their looks can be judged:
//!
//!     cargo run --release -p reports --example sweeps -- [FOLDER]
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use adaptive::{Kind, Settings};
use simulator::scenario::{Scenario, builtin};
use simulator::sweep::{Aim, Axis, Grid, Sweep, SweepResults};

const REPLICATIONS: u32 = 5;
const HOURS: f64 = 3.0;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("ratepilot-sweeps"), PathBuf::from);
    let few: &[Kind] = &[Kind::Fixed, Kind::Aimd, Kind::Predictive];
    let shapes: [(&str, &[Kind], &[&str]); 5] = [
        ("two-settings", &[Kind::Fixed], &["max_calls_per_minute=40..80:5", "max_concurrency=4..14:2"]),
        ("one-setting", few, &["max_calls_per_minute=30..90:10"]),
        ("three-settings", few, &["max_calls_per_minute=40,60", "max_concurrency=4,8,0", "pacing_ms=0,500"]),
        ("many-columns", &[Kind::Fixed], &["max_calls_per_minute=11..90", "max_concurrency=8"]),
        ("none-keeps-the-budget", &[Kind::Fixed], &["max_calls_per_minute=70,80", "max_concurrency=12,20"]),
    ];
    for (name, controllers, axes) in shapes {
        let results = results(controllers, axes)?;
        let path = folder.join(name);
        std::fs::create_dir_all(&path)?;
        for file in reports::sweep_files(&results)? {
            std::fs::write(path.join(&file.name), &file.bytes)?;
        }
        println!("{}: {}", path.display(), reports::sweep_meaning(&results));
    }
    Ok(())
}

fn results(controllers: &[Kind], axes: &[&str]) -> Result<SweepResults, Box<dyn Error>> {
    let mut scenario = Scenario::parse("constant", builtin::find("constant")?)?;
    scenario.horizon = limiter_core::Time::from_secs_f64(HOURS * 3_600.0);
    let settings = Settings::default();
    let axes: Vec<Axis> = axes.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let grid = Grid::new(controllers, axes, &settings)?;
    let sweep = Sweep {
        scenario: &scenario,
        trace: None,
        settings: &settings,
        grid: &grid,
        replications: REPLICATIONS,
        seed: 1,
    };
    let aim = Aim { budget: 1.0, rounds: 1 };
    Ok(SweepResults {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_sha256: String::new(),
        trace_sha256: None,
        seed: sweep.seed,
        scenario: scenario.name.clone(),
        hours: HOURS,
        warmup_hours: 0.0,
        replications: REPLICATIONS,
        budget_hits_per_hour: aim.budget,
        grid: grid.axes().to_vec(),
        found: sweep.search(aim, &mut BTreeMap::new(), &())?,
    })
}
