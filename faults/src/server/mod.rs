//! One real server.

mod launch;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{
    Connection, ConnectionAddr, FromRedisValue, IntoConnectionInfo, RedisConnectionInfo, RedisResult, Value,
};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::certificate::Certificate;
use crate::command_stats::CommandStats;
use crate::options::Options;
use crate::patience::wait_until;
use crate::port::Port;
use crate::process::Process;

/// How long a question waits for its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How many ports are tried, where others take them at the same moment.
const PORTS_TRIED: usize = 5;

/// A Redis (or Valkey) server of one test: its own process, ports and folder. All of it is gone when this is dropped.
///
/// It is told what to do over a unix socket in its folder, so what stands before its port does not matter.
#[derive(Debug)]
pub struct Server {
    options: Options,
    folder: TempDir,
    port: Port,
    tls: Option<(Port, Certificate)>,
    /// `None`: it was killed or shut down.
    process: Mutex<Option<Process>>,
    stopped: AtomicBool,
}

/// What a server has when it is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// All that it held, where it was running; what had reached its disk, where it was killed.
    Kept,
    /// Nothing.
    Lost,
}

impl Server {
    /// A server with nothing in it that answers.
    #[expect(clippy::new_without_default, reason = "it starts a process, which is no default")]
    #[track_caller]
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    /// The same with options.
    ///
    /// # Panics
    /// Where no server is installed or it does not start, with what it says.
    #[track_caller]
    pub fn with(options: Options) -> Self {
        let mut said = String::new();
        for _ in 0..PORTS_TRIED {
            let server = Self::prepare(options.clone());
            match server.launch(&[]) {
                Ok(()) => {
                    wait_until("the server answers", || server.cli::<Value>(&["PING"]).is_ok());
                    return server;
                }
                Err(log) => said = log,
            }
        }
        panic!("the server does not start:\n{said}");
    }

    /// The TCP port, without TLS.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// `redis://127.0.0.1:PORT`, with the password of the user `default` if there is one.
    pub fn url(&self) -> String {
        match self.options.default_password() {
            Some(password) => self.url_of("default", password),
            None => format!("redis://127.0.0.1:{}", self.port()),
        }
    }

    /// The address for a user, whose name and password are not escaped.
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}", self.port())
    }

    /// The address by way of the unix socket, without a password.
    pub fn socket_url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// The address with TLS, without a password, and the file with the certificate (PEM) that it is to be trusted by.
    ///
    /// # Panics
    /// Where the options did not ask for TLS.
    #[track_caller]
    pub fn tls_url(&self) -> (String, PathBuf) {
        let (port, files) = self.tls.as_ref().expect("the server was started with Options::tls");
        (format!("rediss://127.0.0.1:{}", port.number()), files.certificate.clone())
    }

    /// Runs a command, on a connection of its own that says nothing else.
    ///
    /// # Errors
    /// The server's, or that it did not answer within 10 s.
    pub fn cli<T: FromRedisValue>(&self, command: &[&str]) -> RedisResult<T> {
        let mut connection = self.connect()?;
        let mut packed = redis::Cmd::new();
        packed.arg(command);
        packed.query(&mut connection)
    }

    /// Runs a command that has to work.
    ///
    /// # Panics
    /// Where it does not, with the server's words.
    #[track_caller]
    pub fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        match self.cli(command) {
            Ok(answer) => answer,
            Err(error) => panic!("{command:?} to the server at {}: {error}", self.port()),
        }
    }

    /// Removes every key.
    #[track_caller]
    pub fn flush_all(&self) {
        self.ask::<()>(&["FLUSHALL"]);
    }

    /// A field of `INFO`, such as `used_memory`; empty where there is none.
    #[track_caller]
    pub fn info(&self, field: &str) -> String {
        let info: String = self.ask(&["INFO", "everything"]);
        let mut fields = info.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(name, _)| *name == field).map(|(_, value)| value.to_owned()).unwrap_or_default()
    }

    /// What a command has cost since the start or [`Server::reset_stats`]; its name in lower case (`evalsha`, `config|get`).
    #[track_caller]
    pub fn command_stats(&self, command: &str) -> CommandStats {
        CommandStats::of(command, &self.ask::<String>(&["INFO", "commandstats"]))
    }

    /// How many commands were run since the start or [`Server::reset_stats`], ours included.
    #[track_caller]
    pub fn commands_run(&self) -> u64 {
        self.info("total_commands_processed").parse().expect("a count is a number")
    }

    /// Counts from 0 again.
    #[track_caller]
    pub fn reset_stats(&self) {
        self.ask::<()>(&["CONFIG", "RESETSTAT"]);
    }

    /// The process's number; `None` while it does not run.
    pub fn process_id(&self) -> Option<u32> {
        self.process().as_ref().map(Process::id)
    }

    /// Does it run: neither killed nor stopped?
    pub fn is_running(&self) -> bool {
        self.process().is_some() && !self.stopped.load(Ordering::Acquire)
    }

    /// Kills the process, which can do nothing about it. Nothing listens until [`Server::restart`].
    pub fn kill9(&self) {
        self.process().take();
        self.stopped.store(false, Ordering::Release);
    }

    /// Stops the process (`SIGSTOP`): connections stay open, new ones are taken by the system, and nothing answers.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.signal(Signal::STOP);
    }

    /// Lets a stopped process go on (`SIGCONT`).
    pub fn cont(&self) {
        self.signal(Signal::CONT);
        self.stopped.store(false, Ordering::Release);
    }

    /// Starts the process again on the same ports; one that runs is shut down first.
    ///
    /// # Panics
    /// Where it does not start, with what it says.
    #[track_caller]
    pub fn restart(&self, data: Data) {
        self.shut_down(data);
        if data == Data::Lost {
            fs::remove_dir_all(self.data()).expect("the folder is ours");
            fs::create_dir(self.data()).expect("the folder is ours");
        }
        if let Err(log) = self.launch(&[]) {
            panic!("the server does not start again:\n{log}");
        }
        wait_until("the server answers again", || self.cli::<Value>(&["PING"]).is_ok());
    }

    /// Starts the process again, which reads its data so slowly that it takes about that long, and answers everything
    /// with LOADING meanwhile. Returns when it has begun to.
    ///
    /// What it reads so slowly are keys of our own in database 15; a node of a cluster has none.
    ///
    /// # Panics
    /// Where the process does not run before, or does not start.
    #[track_caller]
    pub fn restart_loading(&self, takes: Duration) {
        const KEYS: u32 = 1_000;
        let mut fill = redis::pipe();
        fill.cmd("SELECT").arg(15);
        for key in 0..KEYS {
            fill.cmd("SET").arg(key).arg(&[b'.'; 100]);
        }
        let filled = self.connect().and_then(|mut connection| fill.exec(&mut connection));
        filled.expect("the server runs and has a database 15");
        self.shut_down(Data::Kept);
        let delay = (takes / KEYS).as_micros().to_string();
        // Between so many bytes it looks at its connections.
        let options = ["--key-load-delay", &delay, "--loading-process-events-interval-bytes", "1024"];
        if let Err(log) = self.launch(&options) {
            panic!("the server does not start again:\n{log}");
        }
        wait_until("the server is loading", || {
            self.cli::<Value>(&["PING"]).is_err_and(|error| error.code() == Some("LOADING"))
        });
    }

    /// The last lines that the server has written about itself.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// A connection of our own, which has told the server no more than its password.
    fn connect(&self) -> RedisResult<Connection> {
        let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(password) = self.options.default_password() {
            settings = settings.set_password(password);
        }
        let socket = ConnectionAddr::Unix(self.socket()).into_connection_info()?;
        let client = redis::Client::open(socket.set_redis_settings(settings))?;
        let connection = client.get_connection_with_timeout(ANSWER_WITHIN)?;
        connection.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(connection)
    }

    /// Ends the process as an operator does.
    fn shut_down(&self, data: Data) {
        if self.process().is_some() {
            let how = if data == Data::Kept { "SAVE" } else { "NOSAVE" };
            // One that was stopped would never hear of it. There is no answer to this, only an end.
            self.cont();
            let _ = self.cli::<Value>(&["SHUTDOWN", how]);
            wait_until("the server has shut down", || self.process().as_mut().is_none_or(Process::has_ended));
            self.kill9();
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &*self.process() {
            process.signal(signal);
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

#[cfg(test)]
mod tests;
