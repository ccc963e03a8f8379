//! The commands that share limits through Redis, run as a user runs them against a real server.
#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::{Child, Command, Stdio};

use faults::{Cluster, Options, Server, wait_until};
use ratepilot_tests::binary::{Said, Workplace};
use serde_json::Value;

/// What must never be printed.
const PASSWORD: &str = "hunter2";
/// One call at a time.
const ONE: (&str, &str) = ("RATEPILOT__LIMITER__MAX_CONCURRENCY", "1");
/// Says that it runs, and does so until it is told to end.
const HOLD: &str = "echo $$ > running\nwhile [ ! -e end ]; do sleep 0.02; done\nexit 5\n";

/// Names and values.
type Variables<'a> = &'a [(&'a str, &'a str)];

/// A server, and a folder with an environment in which the binary finds it.
struct Site {
    server: Server,
    place: Workplace,
    url: String,
}

impl Site {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let (server, place) = (Server::with(options), Workplace::new());
        let url = server.url();
        place.put("hold.sh", HOLD);
        Self { server, place, url }
    }

    fn command(&self, args: &str, environment: Variables<'_>) -> Command {
        let mut command = self.place.command();
        command.args(args.split_whitespace()).env("PATH", "/usr/bin:/bin").env("REDIS_URL", &self.url);
        command.envs(environment.iter().copied());
        command
    }

    fn run_in(&self, args: &str, environment: Variables<'_>) -> Said {
        self.command(args, environment).stdin(Stdio::null()).output().unwrap().into()
    }

    fn run(&self, args: &str) -> Said {
        self.run_in(args, &[])
    }

    fn start(&self, args: &str, environment: Variables<'_>) -> Child {
        self.command(args, environment).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    }

    /// Starts a command that holds its permit, and waits until it does.
    fn hold(&self, environment: Variables<'_>) -> Child {
        let child = self.start("run --pool p -- sh hold.sh", environment);
        wait_until("the command runs", || self.is_there("running"));
        child
    }

    fn is_there(&self, file: &str) -> bool {
        std::fs::metadata(self.place.path(file)).is_ok_and(|file| file.len() > 0)
    }

    /// What `status` says of the pool `p`.
    fn status(&self) -> Value {
        let said: Value = serde_json::from_str(&self.run("status --json").ok()).unwrap();
        said["pools"].as_array().unwrap().iter().find(|pool| pool["name"] == "p").cloned().unwrap_or_default()
    }
}

fn signal(name: &str, id: u32) {
    assert!(Command::new("kill").args(["-s", name, &id.to_string()]).status().unwrap().success());
}

/// Whether there is no such process on Linux any more; one whose new parent has not looked after it yet does nothing, either.
fn is_gone(id: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn the_exit_code_is_the_commands() {
    let site = Site::new();
    site.place.put("seven.sh", "echo said; exit 7").put("killed.sh", "kill -9 $$").put("plain", "");
    let cases = [
        ("true", 0, ""),
        ("sh seven.sh", 7, ""),
        ("sh killed.sh", 137, ""),
        ("no-such-command --json", 127, "\"no-such-command\""),
        ("./missing", 127, "./missing"),
        ("./plain", 126, "Permission denied"),
        (".", 126, "\".\""),
    ];
    for (command, code, message) in cases {
        let said = site.run(&format!("run --pool p -- {command}"));
        assert_eq!(said.code, Some(code), "{command}: {}", said.stderr);
        assert!(said.stderr.contains(message), "{command}: {}", said.stderr);
    }
    let said = site.run("run --pool p --json -- sh seven.sh");
    assert_eq!((said.code, said.stderr.as_str()), (Some(7), "said\n"));
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&document["exit_code"], &document["pool"]), (&7.into(), &"p".into()));
    let status = site.status();
    assert_eq!((&status["calls"], &status["in_flight"]), (&4.into(), &0.into()), "{status}");
}

#[test]
fn two_runs_share_a_limit_of_one() {
    let site = Site::new();
    let mut first = site.hold(&[ONE]);
    let late = site.run_in("run --pool p --timeout 0.2 -- true", &[ONE]);
    assert_eq!(late.code, Some(1));
    assert!(late.stderr.contains("at its limit in concurrency"), "{}", late.stderr);
    let mut second = site.start("run --pool p -- touch second", &[ONE]);
    wait_until("the second waits", || site.status()["waiting"] == 1);
    assert_eq!(site.status()["in_flight"], 1);
    assert!(!site.place.path("second").exists());
    let table = site.run("status p").ok();
    assert!(table.contains("1 / 1") && table.contains("1 ("), "{table}");

    site.place.put("end", "");
    assert_eq!(first.wait().unwrap().code(), Some(5));
    assert_eq!(second.wait().unwrap().code(), Some(0));
    assert!(site.place.path("second").exists());
    assert_eq!(site.status()["in_flight"], 0);
}

#[test]
fn a_kill_of_run_frees_its_place_and_ends_the_command() {
    let site = Site::new();
    let short = [ONE, ("RATEPILOT__REDIS__LEASE_S", "1")];
    let mut first = site.hold(&short);
    signal("KILL", first.id());
    first.wait().unwrap();
    if cfg!(target_os = "linux") {
        let id = site.place.text("running");
        wait_until("the command is gone", || is_gone(id.trim()));
    }
    let said = site.run_in("run --pool p --timeout 30 -- true", &short);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
}

#[test]
fn a_lease_is_kept_for_longer_than_it_lasts() {
    let site = Site::new();
    let short = [ONE, ("RATEPILOT__REDIS__LEASE_S", "1")];
    let mut first = site.hold(&short);
    let said = site.run_in("run --pool p --timeout 2.5 -- true", &short);
    assert_eq!(said.code, Some(1), "the first still holds the only place");
    site.place.put("end", "");
    first.wait().unwrap();
}

#[test]
fn a_signal_is_passed_on_and_the_permit_given_back_when_the_command_has_ended() {
    for name in ["TERM", "INT"] {
        let site = Site::new();
        site.place.put("hold.sh", format!("trap 'echo caught > caught; exit 3' {name}\n{HOLD}"));
        let mut child = site.hold(&[ONE]);
        signal(name, child.id());
        assert_eq!(child.wait().unwrap().code(), Some(3), "{name}");
        assert!(site.is_there("caught"));
        assert_eq!(site.status()["in_flight"], 0);
    }
}

#[test]
fn whoever_is_interrupted_while_waiting_leaves_nothing() {
    let site = Site::new();
    let mut first = site.hold(&[ONE]);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let mut second = site.start("run --pool p -- touch second", &[ONE]);
        wait_until("the second waits", || site.status()["waiting"] == 1);
        signal(name, second.id());
        assert_eq!(second.wait().unwrap().code(), Some(code));
        assert_eq!(site.status()["waiting"], 0);
    }
    site.place.put("end", "");
    first.wait().unwrap();
    assert!(!site.place.path("second").exists());
    assert_eq!(site.status()["calls"], 1);
}

#[test]
fn bad_input_is_refused_with_what_to_do() {
    let site = Site::new();
    let tokens = ("RATEPILOT__LIMITER__MAX_TOKENS_PER_MINUTE", "10");
    let cases: [(&str, Variables<'_>, i32, &str); 15] = [
        ("run --pool p", &[], 2, "<CMD>"),
        ("run -- true", &[], 2, "--pool"),
        ("run --pool {p} -- true", &[], 2, "cannot name a pool"),
        ("run --pool p --timeout -1 -- true", &[], 2, "not negative"),
        ("run --pool p --timeout nan -- true", &[], 2, "--timeout"),
        ("run --pool p --tokens -1 -- true", &[], 2, "--tokens"),
        ("run --pool p --priority urgent -- true", &[], 2, "high, normal, low"),
        ("run --pool p --tokens 11 -- true", &[tokens], 1, "a call of 11 tokens can never go"),
        ("run --pool p -- true", &[("REDIS_URL", "")], 2, "set REDIS_URL"),
        ("run --pool p -- true", &[("REDIS_URL", "localhost:6379")], 2, "redis://host:6379/0"),
        ("run --pool p -- true", &[("RATEPILOT__REDIS__PREFIX", "{a}")], 2, "redis.prefix"),
        ("run --pool p -- true", &[("RATEPILOT__REDIS__LEASE_S", "0.5")], 2, "at least 1"),
        ("run --pool p -- true", &[("RATEPILOT__REDIS__FALLBACK", "locl")], 2, "RATEPILOT__REDIS__FALLBACK"),
        ("reset", &[], 2, "<POOL>"),
        ("status p", &[("REDIS_URL", "")], 2, "set REDIS_URL"),
    ];
    for (args, environment, code, message) in cases {
        let said = site.run_in(args, environment);
        assert_eq!((said.code, said.stdout.as_str()), (Some(code), ""), "{args}: {}", said.stderr);
        assert!(said.stderr.contains(message), "{args} should say {message:?}: {}", said.stderr);
    }
    assert_eq!(site.server.ask::<Vec<String>>(&["SMEMBERS", "ratepilot:pools"]), ["p"]);
    site.place.put("config.toml", "[redis]\nfallbak = \"open\"\n");
    let said = site.run("status");
    assert_eq!(said.code, Some(2));
    assert!(
        said.stderr.contains("config.toml, line 2") && said.stderr.contains("`fallback`"),
        "{}",
        said.stderr
    );
}

#[test]
fn status_and_reset_tell_of_pools_and_of_those_there_are_not() {
    let site = Site::new();
    assert!(site.run("status").ok().starts_with("There are no pools"));
    assert_eq!(site.run("status --json").ok(), "{\"pools\":[]}\n");
    assert_eq!(site.run("reset --all").ok(), "There are no pools.\n");
    for pool in ["p", "glm-4.6"] {
        site.run(&format!("run --pool {pool} --tokens 30 -- true")).ok();
    }
    let table = site.run("status").ok();
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    assert!(table.contains("glm-4.6") && table.contains("1 / 60") && table.contains("30 / -"), "{table}");
    for command in ["status", "reset"] {
        let said = site.run(&format!("{command} p glm-4.5"));
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
        assert!(said.stderr.contains("did you mean \"glm-4.6\"?"), "{}", said.stderr);
    }
    assert_eq!(site.status()["calls"], 1, "what names a pool that there is not resets none");
    let said = site.run("reset p").ok();
    assert!(said.starts_with("p: forgot 1 call of the window"), "{said}");
    assert_eq!((&site.status()["calls"], &site.status()["tokens"]), (&0.into(), &0.into()));
    let said: Value = serde_json::from_str(&site.run("reset --all --json").ok()).unwrap();
    assert_eq!(said["reset"].as_array().map(Vec::len), Some(2), "{said}");
}

#[test]
fn limits_that_were_set_stay_until_they_are_forgotten() {
    let site = Site::new();
    site.run_in("run --pool p -- true", &[ONE]).ok();
    // As a process does that sets limits at run time.
    site.server.ask::<()>(&["HSET", "ratepilot:{p}:pool", "set", "1"]);
    let three = [("RATEPILOT__LIMITER__MAX_CONCURRENCY", "3")];
    site.run_in("run --pool p -- true", &three).ok();
    site.run_in("reset p", &three).ok();
    let status = site.status();
    assert_eq!((&status["limits"]["concurrency"], &status["limits_set"]), (&1.into(), &true.into()));
    let said = site.run_in("reset p --limits", &three).ok();
    assert!(said.contains("those of the configuration again"), "{said}");
    let status = site.status();
    assert_eq!((&status["limits"]["concurrency"], &status["limits_set"]), (&3.into(), &false.into()));
    assert_eq!(status["processes"], 0, "whoever resets does not stay");
}

#[test]
fn without_redis_the_configuration_says_what_happens() {
    let site = Site::new();
    site.server.kill9();
    let said = site.run("run --pool p -- echo done");
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "done\n"));
    assert!(said.stderr.starts_with("note: goes on without other processes"), "{}", said.stderr);
    let said = site.run_in("run --pool p -- echo done", &[("RATEPILOT__REDIS__FALLBACK", "closed")]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    for args in ["status", "reset p"] {
        let said = site.run(args);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{args}");
        assert!(said.stderr.contains("see that it runs"), "{}", said.stderr);
    }
    let said = site.run("doctor");
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("\nwrong  redis"), "{}", said.stdout);
}

#[test]
fn no_password_is_ever_printed() {
    let site = Site::with(Options::default().password("another"));
    let port = site.server.port();
    let urls = [
        format!("redis://:{PASSWORD}@127.0.0.1:{port}"),
        format!("redis://ann:{PASSWORD}@127.0.0.1:{port}/0"),
        format!("redis://:{PASSWORD}@127.0.0.1:1"),
        format!("rediss://:{PASSWORD}@127.0.0.1:{port}"),
        format!("redis://:{PASSWORD}@127.0.0.1:{port}/x"),
        format!("redis://:{PASSWORD}@:{port}"),
        format!("redis://:{PASSWORD}@host.invalid"),
        format!("redis://:{PASSWORD}@127.0.0.1:99999"),
        format!("http://:{PASSWORD}@127.0.0.1"),
        format!(":{PASSWORD}@127.0.0.1"),
        format!("redis+cluster://:{PASSWORD}@127.0.0.1:{port}"),
        format!("redis+sentinel://:{PASSWORD}@127.0.0.1:{port}/main"),
        format!("redis+sentinel://:{PASSWORD}@127.0.0.1:{port}"),
        PASSWORD.to_owned(),
    ];
    for url in &urls {
        for args in ["run --pool p -- true", "status --json", "reset --all", "doctor", "doctor --json"] {
            let said = site.run_in(args, &[("REDIS_URL", url), ("GLM_API_KEY", PASSWORD)]);
            assert_ne!(said.code, None);
            assert!(args.starts_with("run") || said.code != Some(0), "{args} with {url}: {}", said.stdout);
            for text in [said.stdout, said.stderr] {
                assert!(!text.contains(PASSWORD), "{args} with {url}: {text}");
                assert!(!text.contains("panicked"), "{text}");
            }
        }
    }
    for url in [&urls[0], &urls[1], &urls[10]] {
        let said = site.run_in("run --pool p -- true", &[("REDIS_URL", url)]);
        assert_eq!(said.code, Some(1), "a wrong password is no outage, with which a command could go on");
        assert!(said.stderr.contains("wants another user or password"), "{}", said.stderr);
    }
    site.place.put(".env", format!("REDIS_URL=redis://:{PASSWORD}@127.0.0.1:{port}\nbroken"));
    let said = site.place.run("status");
    assert!(said.code == Some(2) && !said.stderr.contains(PASSWORD), "{}", said.stderr);
}

#[test]
fn doctor_finds_nothing_wrong_and_leaves_nothing_behind() {
    let site = Site::with(Options::default().password(PASSWORD));
    site.place.put(".env", "OPENAI_API_KEY=sk-1234\n");
    let said = site.run_in("doctor", &[("GLM_API_KEY", PASSWORD)]);
    assert_eq!(said.code, Some(0), "{}", said.stdout);
    assert!(said.stdout.contains("GLM_API_KEY, OPENAI_API_KEY (by .env)"), "{}", said.stdout);
    assert!(said.stdout.contains("overridden by REDIS_URL"), "{}", said.stdout);
    assert!(!said.stdout.contains(PASSWORD) && !said.stdout.contains("sk-1234"), "{}", said.stdout);
    assert_eq!(site.server.ask::<Vec<String>>(&["KEYS", "*"]), [""; 0]);

    site.server.ask::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let said = site.run("doctor --json");
    assert_eq!(said.code, Some(0));
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let eviction = document["checks"].as_array().unwrap().iter().find(|check| check["check"] == "eviction");
    assert_eq!(eviction.unwrap()["level"], "warn", "{document}");
}

#[test]
fn doctor_names_what_is_forbidden_and_what_is_wrong() {
    let rules = "~ratepilot:* &ratepilot:* +@all -zadd -subscribe -info";
    let site = Site::with(Options::default().user("poor", "poor", rules));
    let poor = site.server.url_of("poor", "poor");
    let said = site.run_in("doctor", &[("REDIS_URL", &poor)]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stdout.contains("forbidden: ZADD\n") && said.stdout.contains("forbidden: SUBSCRIBE\n"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("may not ask for INFO"), "{}", said.stdout);

    site.server.ask::<()>(&["REPLICAOF", "127.0.0.1", "1"]);
    let said = site.run("doctor");
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("\nwrong  role"), "{}", said.stdout);

    site.place.put("config.toml", "[limiter]\nmax_concurency = 1\n");
    let said = site.run("doctor");
    assert_eq!(said.code, Some(1));
    assert!(
        said.stdout.contains("config.toml, line 2") && said.stdout.contains("`max_concurrency`"),
        "{}",
        said.stdout
    );
}

#[test]
fn a_cluster_serves_every_command() {
    let (cluster, place) = (Cluster::new(), Workplace::new());
    let ports: Vec<_> = cluster.nodes().iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    let url = format!("redis+cluster://{}", ports.join(","));
    let run = |args: &str| place.run_in(args, &[("REDIS_URL", &url), ("PATH", "/usr/bin:/bin")]);
    for pool in ["a", "b", "c"] {
        run(&format!("run --pool {pool} -- true")).ok();
    }
    let status: Value = serde_json::from_str(&run("status --json").ok()).unwrap();
    let names: Vec<_> = status["pools"].as_array().unwrap().iter().map(|pool| &pool["name"]).collect();
    assert_eq!(names, ["a", "b", "c"]);
    run("reset --all --limits").ok();
    let said = run("doctor").ok();
    assert!(said.contains("3 nodes, all slots served"), "{said}");
    // One of its nodes is no server to share pools on.
    let node = place.run_in("doctor", &[("REDIS_URL", &format!("redis://{}", ports[0]))]);
    assert_eq!(node.code, Some(1));
    assert!(node.stdout.contains("use redis+cluster://"), "{}", node.stdout);
}
