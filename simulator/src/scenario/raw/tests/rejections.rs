//! What is said of texts that are wrong, as a user reads it.

use super::super::super::Scenario;
use super::{DOCUMENTED, EVERY_KEY, SHORTEST};

/// `DOCUMENTED` with the line of `key` (`table.key`, or a key at the top) replaced; and that line's number.
fn with(key: &str, line: &str) -> (String, usize) {
    let (table, key) = key.rsplit_once('.').unwrap_or(("", key));
    let mut section = "";
    let mut hit = None;
    let mut lines: Vec<&str> = DOCUMENTED.lines().collect();
    for (index, text) in lines.iter().enumerate() {
        if text.starts_with('[') {
            section = text.trim_matches(['[', ']']);
        } else if section == table && text.split(" = ").next() == Some(key) {
            hit = Some(index);
        }
    }
    let hit = hit.unwrap_or_else(|| panic!("no line for {table}.{key}"));
    lines[hit] = line;
    (lines.join("\n"), hit + 1)
}

fn message(text: &str) -> String {
    Scenario::parse("f.toml", text).expect_err(text).to_string()
}

#[test]
fn a_bad_value_is_told_with_key_line_value_and_what_is_allowed() {
    let large = "9007199254740992";
    let no_limit = format!("at least 1 and at most {large}: leave the key out where there is no such limit");
    let long = "x".repeat(101);
    let cases: &[(&str, &str, &str)] = &[
        ("name", "name = ''", "`name` must not be empty"),
        ("name", &format!("name = '{long}'"), "`name` must have at most 100 characters"),
        ("name", r#"name = "a\nb""#, "`name` must not hold line breaks or other control characters"),
        ("name", "name = 5", "`name` is 5, but must be a string"),
        ("hours", "hours = 0", "`hours` is 0, but must be above 0 and at most 8784"),
        ("hours", "hours = -1", "`hours` is -1, but must be above 0 and at most 8784"),
        ("hours", "hours = nan", "`hours` is NaN, but must be above 0 and at most 8784"),
        ("hours", "hours = inf", "`hours` is inf, but must be above 0 and at most 8784"),
        ("hours", "hours = 8785", "`hours` is 8785, but must be above 0 and at most 8784"),
        ("hours", "hours = 1e-12", "`hours` is 1e-12, but must be at least a microsecond"),
        ("hours", "hours = 'long'", "`hours` is a string, but must be a number"),
        (
            "warmup_hours",
            "warmup_hours = -1",
            "`warmup_hours` is -1, but must be at least 0 and below 24: the statistics need what comes after it",
        ),
        (
            "warmup_hours",
            "warmup_hours = 24",
            "`warmup_hours` is 24, but must be at least 0 and below 24: the statistics need what comes after it",
        ),
        (
            "warmup_hours",
            "warmup_hours = 23.99999999999",
            "`warmup_hours` is 23.99999999999, but must end at least a microsecond before `hours`",
        ),
        (
            "arrivals.process",
            "process = 'session'",
            "unknown value `session` for `arrivals.process`: did you mean `sessions`?",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = 0",
            "`arrivals.calls_per_hour` is 0, but must be above 0 at some time",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = [[0, 0], [1, 0]]",
            "`arrivals.calls_per_hour` must be above 0 at some time",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = -1",
            "`arrivals.calls_per_hour` is -1, but must be at least 0 and at most 10000000",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = [[0, nan]]",
            "`arrivals.calls_per_hour[0][1]` is NaN, but must be at least 0 and at most 10000000",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = 1.1e7",
            "`arrivals.calls_per_hour` is 11000000.0, but must be at least 0 and at most 10000000",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = '250'",
            "`arrivals.calls_per_hour` is a string, but must be a number, or steps [[hour, value], …]",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = []",
            "`arrivals.calls_per_hour` must hold at least one step [hour, value]",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = [[1, 250]]",
            "`arrivals.calls_per_hour[0][0]` is 1, but must be 0: the first step holds from the start",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = [[0, 250], [0, 1]]",
            "`arrivals.calls_per_hour[1][0]` is 0, but must be later than the step before: steps rise in time",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = [[0, 250], [inf, 1]]",
            "`arrivals.calls_per_hour[1][0]` is inf, but must be at least 0 and at most 1000000",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = [[0, 250, 1]]",
            "`arrivals.calls_per_hour[0]` is an array of 3 values, but must be an array of 2 values",
        ),
        (
            "arrivals.calls_per_hour",
            "calls_per_hour = [0, 250]",
            "`arrivals.calls_per_hour[0]` is 0, but must be an array of 2 values",
        ),
        (
            "arrivals.workers",
            "workers = 0",
            "`arrivals.workers` is 0, but must be a whole number, at least 1",
        ),
        (
            "arrivals.workers",
            "workers = 100001",
            "`arrivals.workers` is 100001, but must be at least 1 and at most 100000",
        ),
        (
            "arrivals.think_s",
            "think_s = -0.5",
            "`arrivals.think_s` is -0.5, but must be at least 0 and at most 86400",
        ),
        (
            "arrivals.input_tokens",
            "input_tokens.median = 0",
            "`arrivals.input_tokens.median` is 0, but must be at least 1 and at most 1000000000",
        ),
        (
            "arrivals.output_tokens",
            "output_tokens.sigma = 5.1",
            "`arrivals.output_tokens.sigma` is 5.1, but must be at least 0 and at most 5: 0 draws the median always",
        ),
        (
            "clients.processes",
            "processes = 1001",
            "`clients.processes` is 1001, but must be at least 1 and at most 1000",
        ),
        (
            "clients.processes",
            "processes = 1.5",
            "`clients.processes` is 1.5, but must be a whole number, at least 1",
        ),
        (
            "clients.network_delay_ms",
            "network_delay_ms.median = -1",
            "`clients.network_delay_ms.median` is -1, but must be at least 0 and at most 3600000",
        ),
        (
            "clients.store_delay_ms",
            "store_delay_ms = nan",
            "`clients.store_delay_ms` is NaN, but must be at least 0 and at most 3600000",
        ),
        (
            "clients.retries",
            "retries = 1001",
            "`clients.retries` is 1001, but must be at least 0 and at most 1000",
        ),
        (
            "clients.retries_without_limiter",
            "retries_without_limiter = -1",
            "`clients.retries_without_limiter` is -1, but must be a whole number, not negative",
        ),
        (
            "clients.deadline_s",
            "deadline_s = 0",
            "`clients.deadline_s` is 0, but must be above 0 and at most 86400",
        ),
        (
            "provider.window",
            "window = 'tokenbucket'",
            "unknown value `tokenbucket` for `provider.window`: did you mean `token-bucket`?",
        ),
        (
            "provider.window_s",
            "window_s = 0",
            "`provider.window_s` is 0, but must be at least 0.01 and at most 2678400",
        ),
        (
            "provider.calls_per_minute",
            "calls_per_minute = 0",
            &format!("`provider.calls_per_minute` is 0, but must be {no_limit}"),
        ),
        (
            "provider.calls_per_minute",
            "calls_per_minute = [[0, 60], [6, 0.5]]",
            &format!("`provider.calls_per_minute[1][1]` is 0.5, but must be {no_limit}"),
        ),
        (
            "provider.concurrency",
            "concurrency = 0",
            &format!("`provider.concurrency` is 0, but must be {no_limit}"),
        ),
        (
            "provider.concurrency",
            "concurrency = 2.5",
            "`provider.concurrency` is 2.5, but must be a whole number",
        ),
        (
            "provider.concurrency",
            "concurrency = [[0, 5], [1, 'two']]",
            "`provider.concurrency[1][1]` is a string, but must be a whole number",
        ),
        (
            "provider.tokens_per_minute",
            "tokens_per_minute = 9007199254740993",
            &format!("`provider.tokens_per_minute` is 9007199254740993, but must be {no_limit}"),
        ),
        (
            "provider.calls_per_minute_diurnal",
            "calls_per_minute_diurnal.amplitude = 38",
            "`provider.calls_per_minute_diurnal.amplitude` is 38, but must be at least -37 and at most 37: the limit, 38 at its lowest, must stay at least 1",
        ),
        (
            "provider.calls_per_minute_diurnal",
            "calls_per_minute_diurnal.amplitude = nan",
            "`provider.calls_per_minute_diurnal.amplitude` is NaN, but must be at least -37 and at most 37: the limit, 38 at its lowest, must stay at least 1",
        ),
        (
            "provider.calls_per_minute_diurnal",
            "calls_per_minute_diurnal.period_hours = 0",
            "`provider.calls_per_minute_diurnal.period_hours` is 0, but must be at least 0.01 and at most 1000000",
        ),
        (
            "provider.calls_per_minute_diurnal",
            "calls_per_minute_diurnal.phase_hours = inf",
            "`provider.calls_per_minute_diurnal.phase_hours` is inf, but must be at least -1000000 and at most 1000000",
        ),
        (
            "provider.soft_wall",
            "soft_wall = -1",
            &format!(
                "`provider.soft_wall` is -1, but must be at least 0 and at most {large}: 0 is a hard wall"
            ),
        ),
        (
            "provider.counts_refused",
            "counts_refused = 0",
            "`provider.counts_refused` is 0, but must be true or false",
        ),
        (
            "provider.latency",
            "latency.base_s = -1",
            "`provider.latency.base_s` is -1, but must be at least 0 and at most 86400",
        ),
        (
            "provider.latency",
            "latency.tokens_per_s = 0",
            "`provider.latency.tokens_per_s` is 0, but must be above 0 and at most 1000000000",
        ),
        (
            "provider.latency",
            "latency.sigma = -0.1",
            "`provider.latency.sigma` is -0.1, but must be at least 0 and at most 5: 0 draws the median always",
        ),
        (
            "provider.latency",
            "latency.sigmaa = 1",
            "unknown key `sigmaa` in `provider.latency`: did you mean `sigma`?",
        ),
        (
            "provider.foreign_calls_per_minute",
            "foreign_calls_per_minute = -1",
            "`provider.foreign_calls_per_minute` is -1, but must be at least 0 and at most 1000000",
        ),
        (
            "provider.foreign_calls_per_minute",
            "foreign_calls_per_minute = 1e6",
            "`provider.foreign_calls_per_minute` is 1000000.0, but must not come to more than 1000000000 calls in 24 hours: lower it, or `hours`",
        ),
        (
            "provider.overload.at_hour",
            "at_hour = -1",
            "`provider.overload[0].at_hour` is -1, but must be at least 0 and below 24: the scenario ends there, and its overload would never come",
        ),
        (
            "provider.overload.at_hour",
            "at_hour = 24",
            "`provider.overload[0].at_hour` is 24, but must be at least 0 and below 24: the scenario ends there, and its overload would never come",
        ),
        (
            "provider.overload.minutes",
            "minutes = 0",
            "`provider.overload[0].minutes` is 0, but must be above 0 and at most 60000000",
        ),
        (
            "provider.overload.refuse",
            "refuse = 1.1",
            "`provider.overload[0].refuse` is 1.1, but must be at least 0 and at most 1: it is the share of attempts that are refused",
        ),
    ];
    for (key, bad, expected) in cases {
        let (text, line) = with(key, bad);
        let message = message(&text);
        assert!(message.starts_with(&format!("f.toml, line {line}, column ")), "{bad}: {message}");
        assert_eq!(message.split_once(": ").unwrap().1, *expected, "{bad}");
    }
}

#[test]
fn every_misspelt_key_is_told_with_its_line_and_the_right_one() {
    for (index, line) in EVERY_KEY.lines().enumerate() {
        let Some((key, rest)) = line.split_once(" = ") else { continue };
        let misspelt: Vec<_> = EVERY_KEY
            .lines()
            .enumerate()
            .map(|(at, line)| if at == index { format!("{key}x = {rest}") } else { line.to_owned() })
            .collect();
        let message = message(&misspelt.join("\n"));
        assert!(
            message.contains(&format!("f.toml, line {}, column 1: unknown key `{key}x`", index + 1)),
            "{message}"
        );
        assert!(message.ends_with(&format!(": did you mean `{key}`?")), "{message}");
    }
}

#[test]
fn what_is_missing_or_does_not_fit_together_is_told() {
    let arrivals = |lines: &str| format!("name = 'x'\nhours = 24\n[arrivals]\n{lines}");
    let provider = |lines: &str| format!("{SHORTEST}[provider]\n{lines}");
    let overload =
        |at_hour: u32| format!("[[provider.overload]]\nat_hour = {at_hour}\nminutes = 90\nrefuse = 1\n");
    let cases = [
        ("hours = 24\n[arrivals]\nprocess = 'poisson'".to_owned(), "f.toml: missing key `name`"),
        ("name = 'x'\n[arrivals]\nprocess = 'poisson'".to_owned(), "f.toml: missing key `hours`"),
        ("name = 'x'\nhours = 24".to_owned(), "f.toml: missing key `arrivals`"),
        (arrivals("calls_per_hour = 5"), "f.toml, line 3, column 1: missing key `process` in `arrivals`"),
        (
            arrivals("process = 'poisson'"),
            "f.toml, line 3, column 1: `arrivals` must hold `calls_per_hour`, a number or steps [[hour, value], …]",
        ),
        (
            arrivals("process = 'saturated'\ncalls_per_hour = 1"),
            "f.toml, line 3, column 1: `arrivals` must hold `workers`, the number of callers, as `process` is \
             \"saturated\"",
        ),
        (
            arrivals("process = 'poisson'\ncalls_per_hour = 1\nsessions.chain.weight = 1"),
            "f.toml, line 6, column 1: `arrivals.sessions` must be left out unless `process` is \"sessions\"",
        ),
        (
            arrivals("process = 'saturated'\nworkers = 100000\nthink_s = 0.001"),
            "f.toml, line 6, column 11: `arrivals.think_s` is 0.001, but must be longer: `workers` that are \
             refused at once would make more than 1000000000 calls in 24 hours",
        ),
        (
            arrivals(
                "process = 'saturated'\nworkers = 1\nthink_s = 0\n[clients]\nnetwork_delay_ms.median = 0",
            ),
            "f.toml, line 6, column 11: `arrivals.think_s` is 0, but must be longer: `workers` that are refused at \
             once would make more than 1000000000 calls in 24 hours",
        ),
        (
            SHORTEST.replace("250", "1e7").replace("24", "101"),
            "f.toml, line 5, column 18: `arrivals.calls_per_hour` is 10000000.0, but must not ask for more than \
             1000000000 calls in 101 hours: lower it, or `hours`",
        ),
        (
            format!("{SHORTEST}[arrivals.sessions]\nchain.weight = 0\nreact.weight = 0\nfan_out.weight = 0"),
            "f.toml, line 6, column 1: `arrivals.sessions` must give at least one kind of session a `weight` above 0",
        ),
        (
            format!("{SHORTEST}[arrivals.sessions]\nchain.weight = -1"),
            "f.toml, line 7, column 16: `arrivals.sessions.chain.weight` is -1, but must be at least 0 and at most \
             1000000",
        ),
        (
            format!("{SHORTEST}[arrivals.sessions]\nreact.calls = [0, 3]"),
            "f.toml, line 7, column 16: `arrivals.sessions.react.calls[0]` is 0, but must be at least 1 and at most \
             1000",
        ),
        (
            format!("{SHORTEST}[arrivals.sessions]\nreact.calls = [5, 3]"),
            "f.toml, line 7, column 19: `arrivals.sessions.react.calls[1]` is 3, but must be at least 5 and at most \
             1000: `calls` is [fewest, most]",
        ),
        (
            format!("{SHORTEST}[arrivals.sessions]\nfan_out.pause_s.median = -1"),
            "f.toml, line 7, column 26: `arrivals.sessions.fan_out.pause_s.median` is -1, but must be at least 0 and \
             at most 86400",
        ),
        (
            provider("calls_per_minute_diurnal = { amplitude = 1 }"),
            "f.toml, line 7, column 42: `provider.calls_per_minute_diurnal.amplitude` is 1, but must be 0 where there \
             is no `calls_per_minute` to add it to",
        ),
        (
            format!("{SHORTEST}{}{}", overload(10), overload(9)),
            "f.toml, line 7, column 11: `provider.overload[0].at_hour` is 10, but must not lie within the overload \
             that begins at hour 9: overloads do not overlap",
        ),
        (
            format!("{SHORTEST}[[provider.overload]]\nat_hour = 1\nminutes = 2"),
            "f.toml, line 6, column 1: missing key `refuse` in `provider.overload[0]`",
        ),
        (
            format!("{SHORTEST}[providr]\nwindow = 'fixed'"),
            "f.toml, line 6, column 2: unknown key `providr`: did you mean `provider`?",
        ),
        (
            format!("{SHORTEST}rate = 5"),
            "f.toml, line 6, column 1: unknown key `rate` in `arrivals`: allowed: `process`, `calls_per_hour`, \
             `workers`, `think_s`, `input_tokens`, `output_tokens`, `sessions`",
        ),
        (
            format!("{SHORTEST}[provider"),
            "f.toml, line 6, column 10: not valid TOML: unclosed table, expected `]`",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(message(&text), expected, "{text}");
    }
}
