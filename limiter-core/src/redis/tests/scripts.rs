//! What the scripts promise beside their decisions: repetitions, the dead, the store's memory, clocks, keys, and bounds.

use std::num::NonZeroU64;

use proptest::prelude::*;

use super::stage::{Said, Stage, introduce};
use crate::redis::ask::add_limits;
use crate::redis::gate::keys;
use crate::redis::reply::{Alarm, Answer, News, Outcome, Reply};
use crate::redis::script::{ACQUIRE, JOIN, LEAVE, LIMIT, PEEK, Script, TURN};
use crate::{Limits, MAX_POOL_NAME, Micros, Time, Window};

const WINDOW: Window = Window { period: Micros::from_secs(60), guard: Micros::from_millis(200) };
const LEASE: Micros = Micros::from_secs(30);
const EPOCH: Time = Time::from_micros(1_767_225_600_000_000);
const SCRIPTS: [(&str, &std::sync::LazyLock<Script>); 6] = [
    ("acquire", &ACQUIRE),
    ("turn", &TURN),
    ("leave", &LEAVE),
    ("join", &JOIN),
    ("limit", &LIMIT),
    ("peek", &PEEK),
];

/// A call that a process remembers.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    number: u64,
    age: Micros,
    tokens: u64,
    open: bool,
}

fn limits(calls: u64, tokens: u64, concurrency: u64) -> Limits {
    let [calls, tokens, concurrency] = [calls, tokens, concurrency].map(NonZeroU64::new);
    Limits { version: 0, calls, tokens, concurrency, pacing: Micros::ZERO }
}

/// A pool that `processes` have joined.
fn stage(limits: &Limits, processes: &[&str]) -> Stage {
    let mut stage = Stage::new();
    stage.clear(EPOCH);
    for process in processes {
        stage.join(process, limits, None, &[]);
    }
    stage
}

fn answer(said: Said) -> Answer {
    match said.reply {
        Reply::Answer(answer) => answer,
        other => panic!("{other:?}"),
    }
}

impl Stage {
    fn pass(&mut self, span: Micros) {
        self.clock = self.clock + span;
    }

    fn join(&mut self, process: &str, setup: &Limits, known: Option<&Limits>, calls: &[Remembered]) -> Said {
        self.run(&JOIN, process, LEASE, |arguments| {
            introduce(arguments, setup, WINDOW, known);
            for call in calls {
                arguments.number(call.number).number(call.age.get()).number(call.tokens);
                arguments.number(call.open.into());
            }
        })
    }

    fn acquire(&mut self, process: &str, number: u64, tokens: u64, mode: &str) -> Answer {
        answer(self.run(&ACQUIRE, process, LEASE, |arguments| {
            arguments.signed(-1).number(number).number(tokens).number(0).number(0).text(mode);
        }))
    }

    fn turn(&mut self, process: &str, what: &[(&str, u64)]) -> Said {
        self.run(&TURN, process, LEASE, |arguments| {
            arguments.signed(-1).text("b").number(0).signed(-1);
            for (what, number) in what {
                arguments.text(what).number(*number).signed(-1);
            }
        })
    }

    fn limit(&mut self, process: &str, limits: &Limits) -> Said {
        self.run(&LIMIT, process, LEASE, |arguments| {
            arguments.signed(-1);
            add_limits(arguments, limits);
            arguments.signed(-1);
        })
    }

    /// Passes with the heartbeats of a process on the way.
    fn live(&mut self, process: &str, mut span: Micros) {
        let beat = Micros::new(LEASE.get() / 4);
        while span > beat {
            self.pass(beat);
            span = span.saturating_sub(beat);
            self.turn(process, &[]);
        }
        self.pass(span);
    }

    /// Calls, tokens, calls in flight, waiters and processes.
    fn counts(&mut self) -> [u64; 5] {
        let said = self.run(&PEEK, "nobody", LEASE, |arguments| {
            arguments.signed(-1).text("look");
        });
        match answer(said).outcome {
            Outcome::Seen { seen, waiting, sharing } => {
                [seen.calls, seen.tokens, seen.in_flight, waiting as u64, sharing.processes as u64]
            }
            other => panic!("{other:?}"),
        }
    }

    /// The keys that have no end, by what they hold.
    fn endless(&mut self) -> Vec<String> {
        let names: Vec<String> = self.query(redis::cmd("KEYS").arg("test:*"));
        names.into_iter().filter(|name| self.query::<i64>(redis::cmd("PTTL").arg(name)) < 0).collect()
    }
}

#[test]
fn a_repeated_request_gets_the_same_answer() {
    let mut stage = stage(&limits(0, 0, 1), &["a", "b"]);
    let Outcome::Granted(first) = stage.acquire("a", 1, 5, "try").outcome else { panic!("free") };
    stage.pass(Micros::from_secs(1));
    for mode in ["retry", "again"] {
        let Outcome::Granted(again) = stage.acquire("a", 1, 5, mode).outcome else {
            panic!("granted before")
        };
        assert_eq!(again, first);
    }
    let Outcome::Wait(wait) = stage.acquire("a", 2, 5, "queue").outcome else { panic!("full") };
    assert!(matches!(stage.acquire("b", 1, 5, "queue").outcome, Outcome::Wait(_)));
    let Outcome::Wait(again) = stage.acquire("a", 2, 5, "again").outcome else { panic!("full") };
    assert_eq!(again, wait);
    assert_eq!(stage.counts(), [1, 5, 1, 2, 2]);
    let said = answer(stage.turn("a", &[("c", 1)]));
    assert!(matches!(said.news[..], [(2, News::Granted(_))]), "the place was kept: {:?}", said.news);
}

#[test]
fn a_dead_process_leaves_its_slots_and_places_to_the_others() {
    let mut stage = stage(&limits(0, 0, 2), &["dead", "alive"]);
    for number in 1..=2 {
        assert!(matches!(stage.acquire("dead", number, 7, "try").outcome, Outcome::Granted(_)));
    }
    assert!(matches!(stage.acquire("dead", 3, 7, "queue").outcome, Outcome::Wait(_)));
    assert!(matches!(stage.acquire("alive", 1, 0, "queue").outcome, Outcome::Wait(_)));
    // The last that is heard of it.
    stage.turn("dead", &[]);
    let died = stage.clock;
    // Three heartbeats of a quarter of the lease: not dead yet.
    for _ in 0..2 {
        stage.pass(Micros::new(LEASE.get() / 4));
        stage.turn("alive", &[]);
    }
    assert_eq!(stage.counts(), [2, 14, 2, 2, 2]);
    stage.clock = died + Micros::new(LEASE.get() * 3 / 4 + 10);
    let said = answer(stage.turn("alive", &[]));
    assert!(matches!(said.news[..], [(1, News::Granted(granted))] if granted.seen.in_flight == 1));
    // Its calls may have been sent, so they stay in the window.
    assert_eq!(stage.counts(), [3, 14, 1, 0, 1]);
    assert!(matches!(stage.turn("dead", &[]).reply, Reply::Join));
}

#[test]
fn what_leaves_the_window_in_the_moment_of_its_burial_leaves_the_account_too() {
    let mut stage = stage(&Limits::default(), &["dead", "alive"]);
    assert!(matches!(stage.acquire("dead", 1, 7, "try").outcome, Outcome::Granted(_)));
    stage.live("alive", Micros::new(LEASE.get() / 2));
    assert!(matches!(stage.acquire("alive", 1, 5, "try").outcome, Outcome::Granted(_)));
    // Nobody looks while both happens.
    stage.pass(WINDOW.span().saturating_sub(Micros::from_secs(10)));
    assert_eq!(stage.counts(), [1, 5, 0, 0, 0]);
}

#[test]
fn a_store_that_lost_its_memory_hears_of_limits_and_calls_and_counts_none_twice() {
    let calls = [
        Remembered { number: 1, age: Micros::from_secs(300), tokens: 100, open: true },
        Remembered { number: 2, age: Micros::from_secs(5), tokens: 10, open: true },
        Remembered { number: 3, age: Micros::from_secs(3), tokens: 7, open: false },
        Remembered { number: 4, age: Micros::from_secs(61), tokens: 1_000, open: false },
    ];
    let known = Limits { version: 3, ..limits(9, 999, 5) };
    let mut stage = stage(&known, &[]);
    for _ in 0..3 {
        let said = answer(stage.join("a", &limits(1, 1, 1), Some(&known), &calls));
        assert_eq!(said.limits.map(|told| told.limits), Some(known));
        assert_eq!(stage.counts(), [2, 17, 2, 0, 1]);
        stage.pass(Micros::new(1));
    }
    // Meanwhile one has ended, with more tokens than were reserved.
    let ended = [Remembered { tokens: 25, open: false, ..calls[1] }];
    stage.join("a", &known, Some(&known), &ended);
    assert_eq!(stage.counts(), [2, 32, 0, 0, 1]);
    stage.pass(WINDOW.span());
    assert_eq!(stage.counts(), [0, 0, 0, 0, 0], "and it has died of silence");
}

/// As kept beside the test, and to be run again by
/// `PROPTEST_CASES=1000 cargo test -p limiter-core --lib a_join_counts`.
#[test]
fn a_join_counts_what_the_window_holds_and_what_is_in_flight() {
    let entry = (0..120_000_000_u64, 0..1_000_u64, any::<bool>())
        .prop_map(|(age, tokens, open)| (Micros::new(age), tokens, open));
    let config = ProptestConfig { source_file: Some(file!()), cases: 64, ..ProptestConfig::default() };
    let stage = std::cell::RefCell::new(stage(&Limits::default(), &[]));
    let entries = prop::collection::vec(entry, 0..40);
    let result = proptest::test_runner::TestRunner::new(config).run(&entries, |entries| {
        let mut stage = stage.borrow_mut();
        stage.clear(EPOCH);
        let calls: Vec<_> = (1..)
            .zip(&entries)
            .map(|(number, &(age, tokens, open))| Remembered { number, age, tokens, open })
            .collect();
        let in_window: Vec<_> = calls.iter().filter(|call| call.age < WINDOW.span()).collect();
        let expected = [
            in_window.len() as u64,
            in_window.iter().map(|call| call.tokens).sum(),
            calls.iter().filter(|call| call.open).count() as u64,
        ];
        for _ in 0..2 {
            stage.join("a", &Limits::default(), None, &calls);
            prop_assert_eq!(&stage.counts()[..3], &expected);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn new_settings_send_away_who_could_never_go_under_them() {
    let mut stage = stage(&limits(0, 100, 1), &["a"]);
    assert!(matches!(stage.acquire("a", 1, 0, "try").outcome, Outcome::Granted(_)));
    assert!(matches!(stage.acquire("a", 2, 80, "queue").outcome, Outcome::Wait(_)));
    let said = stage.join("b", &limits(0, 50, 1), None, &[]);
    assert_eq!(said.messages, [("a".to_owned(), 2, News::TooLarge { limit: 50 })]);
    assert_eq!(stage.counts(), [1, 0, 1, 0, 2]);
}

#[test]
fn windows_go_on_sliding_when_the_servers_clock_is_set_back() {
    let mut stage = stage(&limits(1, 0, 0), &["a"]);
    let Outcome::Granted(granted) = stage.acquire("a", 1, 0, "try").outcome else { panic!("free") };
    stage.clock = stage.clock - Micros::from_secs(3 * 3_600);
    let Outcome::Wait(wait) = stage.acquire("a", 2, 0, "try").outcome else { panic!("the window is full") };
    assert_eq!(wait.until, Some(granted.at + WINDOW.span()));
    // Time had gone on by a microsecond when the clock was found to be behind, and goes with it from there.
    stage.live("a", WINDOW.span().saturating_sub(Micros::new(2)));
    assert!(matches!(stage.acquire("a", 3, 0, "try").outcome, Outcome::Wait(_)));
    stage.pass(Micros::new(1));
    let Outcome::Granted(second) = stage.acquire("a", 4, 0, "try").outcome else { panic!("it has slid") };
    assert_eq!(second.at, granted.at + WINDOW.span());
    // Ahead again: as if that time had passed.
    stage.pass(Micros::from_secs(3 * 3_600));
    assert!(matches!(stage.join("a", &limits(1, 0, 0), None, &[]).reply, Reply::Answer(_)));
    assert!(matches!(stage.acquire("a", 5, 0, "try").outcome, Outcome::Granted(_)));
}

#[test]
fn time_never_stands_still() {
    let mut stage = stage(&Limits::default(), &["a"]);
    let before = answer(stage.turn("a", &[])).now;
    assert_eq!(answer(stage.turn("a", &[])).now, before + Micros::new(1));
    stage.clock = stage.clock - Micros::new(500);
    assert_eq!(answer(stage.turn("a", &[])).now, before + Micros::new(2));
}

#[test]
fn every_key_but_the_pools_ends_one_day() {
    let mut stage = stage(&limits(0, 0, 2), &["a"]);
    let pool = [stage.keys[0].clone()];
    assert_eq!(stage.endless(), pool);
    // Each step follows the last look at all keys closely, so the keys that it makes have to be given an end by it.
    for number in 1..=2 {
        stage.acquire("a", number, 0, "try");
        assert_eq!(stage.endless(), pool, "after a grant");
    }
    stage.acquire("a", 3, 0, "queue");
    assert_eq!(stage.endless(), pool, "with a queue");
    stage.turn("a", &[("a", 1)]);
    assert_eq!(stage.endless(), pool, "with one abandoned");
    stage.run(&PEEK, "a", LEASE, |arguments| {
        arguments.signed(-1).text("forget");
    });
    assert_eq!(stage.endless(), pool, "after a reset");
    stage.turn("a", &[("c", 2), ("x", 3)]);
    stage.acquire("a", 4, 0, "try");
    assert_eq!(stage.endless(), pool, "with the keys made anew");
    let ends_in: i64 = stage.query(redis::cmd("PTTL").arg(stage.keys[1].clone()));
    let window_and_lease = (WINDOW.span() + LEASE).get() / 1_000;
    assert!(ends_in as u64 > window_and_lease, "{ends_in} ms");
}

#[test]
fn the_keys_of_a_pool_are_on_one_node_and_the_scripts_use_no_others() {
    for name in ["pool", "a.b:c/d-e_f", "\u{6a21}\u{578b}", &"x".repeat(MAX_POOL_NAME)] {
        for key in keys("ratepilot", name) {
            // What a cluster chooses the node by: whatever stands between the first braces, if anything.
            let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
            assert_eq!(tag, Some(name));
        }
    }
    for (name, script) in SCRIPTS {
        for (place, call) in script.source().match_indices("call('") {
            let rest = &script.source()[place + call.len()..];
            let (command, rest) = rest.split_once('\'').expect("a command in quotes");
            let key: String =
                rest.trim_start_matches([',', ' ']).chars().take_while(|c| !", )".contains(*c)).collect();
            let known = match command {
                "TIME" | "PUBLISH" => continue,
                // One of those that are given, each in its turn.
                "PEXPIRE" | "TYPE" => key == "key",
                _ => key.ends_with("_key"),
            };
            assert!(known, "{name}: {command} {key}");
        }
    }
}

#[test]
fn a_step_costs_as_much_with_ten_thousand_calls_in_flight_as_with_one() {
    let mut stage = stage(&limits(0, 0, 20_000), &["a", "b"]);
    let acquire_and_complete = |stage: &mut Stage, number| {
        stage.commands_for(|stage| {
            assert!(matches!(stage.acquire("b", number, 1, "try").outcome, Outcome::Granted(_)));
            stage.turn("b", &[("c", number)]);
        })
    };
    stage.acquire("a", 1, 1, "try");
    stage.turn("a", &[]);
    let with_one = acquire_and_complete(&mut stage, 1);
    for number in 2..=10_000 {
        stage.acquire("a", number, 1, "try");
    }
    assert_eq!(acquire_and_complete(&mut stage, 2), with_one);
    assert!(with_one < 40, "{with_one} commands");

    // Its process dies; the steps of the others clear up, each a part of it.
    stage.pass(Micros::new(LEASE.get() * 3 / 4 + 1));
    let mut steps = 0;
    loop {
        let commands = stage.commands_for(|stage| drop(stage.join("b", &Limits::default(), None, &[])));
        assert!(commands < 60, "{commands} commands in one step");
        steps += 1;
        let [.., in_flight, _, processes] = stage.counts();
        if (in_flight, processes) == (0, 1) {
            break;
        }
        assert!(steps < 50, "{in_flight} calls of the dead are still in flight");
    }
    // And then they leave the window, in chunks of one step.
    stage.pass(WINDOW.span());
    let commands = stage.commands_for(|stage| drop(stage.join("b", &Limits::default(), None, &[])));
    assert!(commands < 150, "{commands} commands in one step");
    assert_eq!(stage.counts(), [0, 0, 0, 0, 1]);
}

#[test]
fn a_step_lets_through_so_many_at_most_and_has_the_next_come_at_once() {
    let mut stage = stage(&limits(1, 0, 0), &["a"]);
    stage.acquire("a", 1, 0, "try");
    let first = stage.commands_for(|stage| drop(stage.acquire("a", 2, 0, "queue")));
    for number in 3..=10_001 {
        stage.acquire("a", number, 0, "queue");
    }
    let last = stage.commands_for(|stage| drop(stage.acquire("a", 10_002, 0, "queue")));
    assert!(last <= first, "{last} commands with 10,000 waiting, and {first} without");
    let mut said = None;
    let commands = stage.commands_for(|stage| said = Some(answer(stage.limit("a", &limits(20_000, 0, 0)))));
    assert!(commands < 10_000, "{commands} commands in one step");
    let mut said = said.expect("the script has run");
    let mut served = 0;
    loop {
        assert!(said.news.len() <= 100);
        for (number, _) in &said.news {
            served += 1;
            assert_eq!(*number, served + 1, "in the order in which they came");
        }
        if said.alarm == Alarm::NotMine {
            break;
        }
        assert_eq!(said.alarm, Alarm::At(said.now), "the next is not to wait");
        stage.pass(Micros::new(1));
        said = answer(stage.turn("a", &[]));
    }
    assert_eq!(served, 10_001);
}
