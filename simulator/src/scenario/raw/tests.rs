//! What is read from valid texts; what is said of others is in `rejections`.

mod properties;
mod rejections;

use std::num::NonZeroU64;

use limiter_core::{Micros, Time};

use super::super::*;

/// Every key there is, each with another value than its default.
const EVERY_KEY: &str = r#"
name = "all"
description = "Every key."
hours = 12
warmup_hours = 1.5
[arrivals]
process = "sessions"
calls_per_hour = [[0, 250], [6, 500.5]]
workers = 3
think_s = 2.0
input_tokens = { median = 1000, sigma = 0.1 }
output_tokens = { median = 100, sigma = 0.2 }
[arrivals.sessions]
chain = { weight = 1, calls = [1, 2], pause_s = { median = 3, sigma = 0.3 } }
react = { weight = 2, calls = [4, 5], pause_s = { median = 6, sigma = 0.4 } }
fan_out = { weight = 0, calls = [7, 7], pause_s = { median = 0, sigma = 0 } }
[clients]
processes = 4
network_delay_ms = { median = 50, sigma = 0.5 }
store_delay_ms = 1.5
retries = 6
retries_without_limiter = 2
deadline_s = 60
[provider]
window = "token-bucket"
window_s = 30
calls_per_minute = [[0, 60], [6, 38.5]]
calls_per_minute_diurnal = { amplitude = -6, period_hours = 12, phase_hours = -3 }
concurrency = [[0, 5], [1, 2]]
tokens_per_minute = 200000
soft_wall = 10
counts_refused = true
latency = { base_s = 1, tokens_per_s = 50, sigma = 0.6 }
foreign_calls_per_minute = [[0, 0], [3, 7]]
[[provider.overload]]
at_hour = 9
minutes = 12
refuse = 0.7
[[provider.overload]]
at_hour = 1
minutes = 30
refuse = 1
"#;

/// The example of the documentation, with the keys of two processes side by side.
const DOCUMENTED: &str = r#"
name = "step-down"
hours = 24
warmup_hours = 0
[arrivals]
process = "sessions"
calls_per_hour = 250
workers = 64
think_s = 1.0
input_tokens = { median = 800, sigma = 0.8 }
output_tokens = { median = 300, sigma = 0.8 }
[clients]
processes = 1
network_delay_ms = { median = 30, sigma = 0.4 }
store_delay_ms = 0.5
retries = 5
retries_without_limiter = 0
deadline_s = 120
[provider]
window = "sliding"
window_s = 60
calls_per_minute = [[0, 60], [6, 38]]
calls_per_minute_diurnal = { amplitude = 0, period_hours = 24, phase_hours = 0 }
concurrency = 5
tokens_per_minute = 200000
soft_wall = 0
counts_refused = false
latency = { base_s = 0.5, tokens_per_s = 25, sigma = 0.3 }
foreign_calls_per_minute = 0
[[provider.overload]]
at_hour = 9
minutes = 12
refuse = 0.7
"#;

const SHORTEST: &str = "name = 'x'\nhours = 24\n[arrivals]\nprocess = 'sessions'\ncalls_per_hour = 250\n";

fn hour(hours: f64) -> Time {
    Time::from_secs_f64(hours * 3_600.0)
}

fn steps<T: Copy>(steps: &[(f64, T)]) -> Steps<T> {
    Steps::new(steps.iter().map(|(at, value)| (hour(*at), *value)).collect()).unwrap()
}

fn count(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).unwrap()
}

#[test]
fn every_key_is_read() {
    let scenario = Scenario::parse("f.toml", EVERY_KEY).unwrap();
    let session =
        |weight, calls, median, sigma| Session { weight, calls, pause_s: LogNormal { median, sigma } };
    let expected = Scenario {
        name: "all".into(),
        description: "Every key.".into(),
        horizon: hour(12.0),
        warmup: hour(1.5),
        arrivals: Arrivals {
            process: Process::Sessions {
                calls_per_hour: steps(&[(0.0, 250.0), (6.0, 500.5)]),
                mix: SessionMix {
                    chain: session(1.0, (1, 2), 3.0, 0.3),
                    react: session(2.0, (4, 5), 6.0, 0.4),
                    fan_out: session(0.0, (7, 7), 0.0, 0.0),
                },
            },
            input_tokens: LogNormal { median: 1_000.0, sigma: 0.1 },
            output_tokens: LogNormal { median: 100.0, sigma: 0.2 },
        },
        clients: Clients {
            processes: NonZeroU32::new(4).unwrap(),
            network_delay_s: LogNormal { median: 0.05, sigma: 0.5 },
            store_delay: Micros::new(1_500),
            retries: 6,
            retries_without_limiter: 2,
            deadline: Micros::from_secs(60),
        },
        provider: Provider {
            window: WindowKind::TokenBucket,
            window_span: Micros::from_secs(30),
            calls: Some(steps(&[(0.0, 60.0), (6.0, 38.5)])),
            calls_diurnal: Diurnal { amplitude: -6.0, period_hours: 12.0, phase_hours: -3.0 },
            concurrency: Some(steps(&[(0.0, count(5)), (1.0, count(2))])),
            tokens: Some(Steps::constant(count(200_000))),
            soft_wall: 10.0,
            counts_refused: true,
            latency: Latency { base_s: 1.0, tokens_per_s: 50.0, sigma: 0.6 },
            foreign: steps(&[(0.0, 0.0), (3.0, 7.0)]),
            overloads: vec![
                Overload { from: hour(1.0), until: hour(1.5), refuse: 1.0 },
                Overload { from: hour(9.0), until: hour(9.2), refuse: 0.7 },
            ],
        },
    };
    assert_eq!(scenario, expected);
}

#[test]
fn what_is_left_out_is_what_the_documentation_shows() {
    let mut shortest = Scenario::parse("f.toml", SHORTEST).unwrap();
    assert_eq!((shortest.provider.calls.take(), shortest.provider.concurrency.take()), (None, None));
    assert_eq!(shortest.provider.tokens.take(), None);
    assert_eq!(shortest.provider.overloads, []);

    let mut documented = Scenario::parse("f.toml", DOCUMENTED).unwrap();
    documented.name = "x".into();
    documented.provider = Provider {
        calls: None,
        concurrency: None,
        tokens: None,
        overloads: Vec::new(),
        ..documented.provider
    };
    assert_eq!(shortest, documented);
}

#[test]
fn the_other_processes_are_read() {
    let read = |arrivals: &str| {
        let text = format!("name = 'x'\nhours = 24\n[arrivals]\n{arrivals}");
        Scenario::parse("f.toml", &text).unwrap().arrivals.process
    };
    assert_eq!(read("process = 'poisson'\ncalls_per_hour = 1.5"), Process::Poisson(Steps::constant(1.5)));
    assert_eq!(
        read("process = 'saturated'\nworkers = 64"),
        Process::Saturated { workers: NonZeroU32::new(64).unwrap(), think: Micros::from_secs(1) }
    );
    let Process::Sessions { mix, .. } =
        read("process = 'sessions'\ncalls_per_hour = 1\nsessions.chain.weight = 3")
    else {
        panic!("sessions are asked for");
    };
    let default = SessionMix::default();
    assert_eq!(mix, SessionMix { chain: Session { weight: 3.0, ..default.chain }, ..default });
}
