//! Processes that share nothing but the server: this test's own program, started again as one of them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use faults::{Call, End, Grant, Server};
use limiter_core::Request;

use crate::support::{Log, POOL, SECOND, at, look, now_us, several, until, until_quiet, until_waiting};

/// What begins a line that a process says to the test.
const MARK: &str = "says: ";
const URL: &str = "RATEPILOT_TEST_CHILD_URL";
const LEASE: Duration = Duration::from_secs(2);

/// One of several processes; killed when dropped.
struct Process {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Process {
    fn start(url: &str, variables: &[(&str, &str)]) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.args(["--exact", "processes::as_one_of_several", "--ignored", "--nocapture"]);
        command.env(URL, url).envs(variables.iter().copied());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let input = child.stdin.take().expect("it was piped");
        let output = BufReader::new(child.stdout.take().expect("it was piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some((_, words)) = line.split_once(MARK) {
                    // The test may have ended.
                    let _ = sender.send(words.to_owned());
                }
            }
        });
        Self { child, input, lines }
    }

    /// Has it do something, and returns what it says when that is done.
    fn tell(&mut self, words: &str) -> String {
        writeln!(self.input, "{words}").expect("it reads");
        self.hear()
    }

    fn hear(&self) -> String {
        self.lines.recv_timeout(60 * SECOND).expect("it answers within a minute")
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(words: &str) {
    println!("{MARK}{words}");
}

/// What such a process does, told line by line; without the variable nothing.
#[test]
#[ignore = "a process that other tests start"]
fn as_one_of_several() {
    let Ok(url) = std::env::var(URL) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("there are threads");
    runtime.block_on(async {
        let builder = at(&url).lease(LEASE).max_calls(40).max_concurrency(4);
        let limiter = match builder.connect().await {
            Ok(limiter) => limiter,
            Err(error) => return say(&format!("error: {error}")),
        };
        let mut held = Vec::new();
        for line in std::io::stdin().lines().map_while(Result::ok) {
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("work", count) => {
                    for _ in 0..count.parse().expect("a number") {
                        let asked = now_us();
                        let permit = limiter.acquire(POOL).await.expect("the store is there");
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        let (granted, ended) = (permit.granted_at().as_micros(), now_us());
                        drop(permit);
                        say(&format!("{asked} {granted} {ended}"));
                    }
                    say("done");
                }
                ("hold", count) => {
                    for _ in 0..count.parse().expect("a number") {
                        held.push(limiter.acquire(POOL).await.expect("the store is there"));
                    }
                    say("holds");
                }
                ("wait", count) => {
                    for _ in 0..count.parse().expect("a number") {
                        tokio::spawn(limiter.acquire(POOL).into_future());
                    }
                    say("waits");
                }
                ("renew", _) => say(&format!("{:?}", held[0].renew().await)),
                (word, _) => say(&format!("does not know {word}")),
            }
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_keep_to_one_limit() {
    let server = Server::new();
    let limits = faults::Limits { calls: Some(40), concurrency: Some(4), ..faults::Limits::default() };
    let log = Log::new(limits);
    let mut processes: Vec<_> = (0..3).map(|_| Process::start(&server.url(), &[])).collect();
    for process in &mut processes {
        for _ in 0..3 {
            writeln!(process.input, "work 15").expect("it reads");
        }
    }
    for (client, process) in (0..).zip(&processes) {
        let mut done = 0;
        while done < 3 {
            let line = process.hear();
            let numbers: Vec<u64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
            let &[asked_us, at_us, ended_us] = numbers.as_slice() else {
                assert_eq!(line, "done");
                done += 1;
                continue;
            };
            let id = format!("{client} at {at_us}");
            let end = End::Granted(Grant { id, at_us, released_us: Some(ended_us), ..Grant::default() });
            let call = Call { client, priority: 1, tokens: 0, asked_us, queued_us: None, end };
            log.write(|history| history.calls.push(call));
        }
    }
    let history = log.read();
    assert_eq!(history.calls.len(), 135);
    history.assert_kept();
    let limiter = several(1, &at(&server.url()).max_calls(40).max_concurrency(4)).await.remove(0);
    until_quiet(&limiter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_killed_leaves_its_slots_and_places() {
    let server = Server::new();
    let builder = at(&server.url()).lease(LEASE).max_calls(40).max_concurrency(4);
    let limiter = several(1, &builder).await.remove(0);
    let mut doomed = Process::start(&server.url(), &[]);
    assert_eq!(doomed.tell("hold 4"), "holds");
    assert_eq!(doomed.tell("wait 3"), "waits");
    until_waiting(&limiter, 3).await;
    let ours = tokio::spawn(limiter.acquire(POOL).into_future());
    until_waiting(&limiter, 4).await;
    doomed.signal("-KILL");
    let permit = ours.await.expect("no panic").expect("the slots were freed");
    let status = look(&limiter).await;
    assert_eq!((status.seen.in_flight, status.waiting), (1, 0));
    drop(permit);
    until_quiet(&limiter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_are_free_when_somebody_comes_long_after_the_death() {
    let server = Server::new();
    let mut doomed = Process::start(&server.url(), &[]);
    assert_eq!(doomed.tell("hold 4"), "holds");
    doomed.signal("-KILL");
    tokio::time::sleep(LEASE).await;
    let builder = at(&server.url()).lease(LEASE).max_calls(40).max_concurrency(4);
    let limiter = several(1, &builder).await.remove(0);
    drop(limiter.try_acquire(POOL, Request::default()).await.expect("the lease has passed"));
    until_quiet(&limiter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_stopped_hears_that_its_lease_is_lost() {
    let server = Server::new();
    let builder = at(&server.url()).lease(LEASE).max_calls(40).max_concurrency(4);
    let limiter = several(1, &builder).await.remove(0);
    let mut stopped = Process::start(&server.url(), &[]);
    assert_eq!(stopped.tell("hold 4"), "holds");
    assert_eq!(stopped.tell("renew"), "Ok(())");
    stopped.signal("-STOP");
    let permit = limiter.acquire(POOL).await.expect("its slots are freed");
    stopped.signal("-CONT");
    assert_eq!(stopped.tell("renew"), "Err(Lost)");
    // It goes on with its calls, and they are seen.
    until("its calls count beside ours", async || look(&limiter).await.seen.in_flight == 5).await;
    assert_eq!(stopped.tell("renew"), "Err(Lost)");
    drop((permit, stopped));
    until_quiet(&limiter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_checked_against_trusted_certificates() {
    let server = Server::with(faults::Options::default().tls());
    let (url, certificate) = server.tls_url();
    let path = certificate.display().to_string();
    let mut trusting = Process::start(&url, &[("SSL_CERT_FILE", &path)]);
    assert_eq!(trusting.tell("hold 2"), "holds");
    let limiter = several(1, &at(&server.url()).max_concurrency(4)).await.remove(0);
    assert_eq!(look(&limiter).await.seen.in_flight, 2);
    let stranger = Process::start(&url, &[("SSL_CERT_FILE", "/dev/null")]);
    let said = stranger.hear();
    assert!(said.contains("certificate") || said.contains("reached"), "{said}");
}
