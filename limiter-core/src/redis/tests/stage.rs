//! One pool in a real server, in virtual time.

use std::collections::HashMap;
use std::time::Duration;

use faults::Server;
use redis::{Cmd, Connection, Value};

use crate::redis::ask::add_limits;
use crate::redis::gate::keys;
use crate::redis::reply::{News, Reply, parse_message};
use crate::redis::script::{Arguments, Script, command};
use crate::{Limits, Time, Window};

const PREFIX: &str = "test";
const CHANNEL: &str = "test:to:";
/// Where the scripts find the time instead of asking the server for it: seconds and microseconds, as it would answer.
const CLOCK: &str = "clock";
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The server, with a clock that is set by hand, and whatever the scripts say to anybody.
pub(super) struct Stage {
    _server: Server,
    connection: Connection,
    /// Hears the channels of all processes.
    listener: Connection,
    /// The names of those scripts that were loaded, by where their source is.
    loaded: HashMap<*const u8, String>,
    pub(super) keys: [String; 7],
    /// The server's clock.
    pub(super) clock: Time,
}

/// What a script has said.
pub(super) struct Said {
    /// To its caller.
    pub(super) reply: Reply,
    /// To processes, by their channels.
    pub(super) messages: Vec<(String, u64, News)>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let server = Server::new();
        let connect = || {
            let client = redis::Client::open(server.url()).expect("a URL of our own");
            let connection = client.get_connection().expect("the server listens");
            connection.set_read_timeout(Some(ANSWER_WITHIN)).expect("not zero");
            connection
        };
        let (connection, mut listener) = (connect(), connect());
        let subscribe = redis::cmd("PSUBSCRIBE").arg("*").get_packed_command();
        listener.send_packed_command(&subscribe).expect("the server listens");
        listener.recv_response().expect("the server answers");
        let (keys, clock) = (keys(PREFIX, "pool"), Time::ZERO);
        Self { _server: server, connection, listener, loaded: HashMap::new(), keys, clock }
    }

    /// Forgets everything but the scripts, and sets the clock.
    pub(super) fn clear(&mut self, clock: Time) {
        self.query::<()>(&redis::cmd("FLUSHALL"));
        self.clock = clock;
    }

    pub(super) fn query<T: redis::FromRedisValue>(&mut self, command: &Cmd) -> T {
        command.query(&mut self.connection).expect("the server does as it is told")
    }

    /// Runs a script as `process` does, with what it adds to what every script is given first.
    pub(super) fn run(
        &mut self,
        script: &Script,
        process: &str,
        lease: crate::Micros,
        add: impl FnOnce(&mut Arguments),
    ) -> Said {
        let mut arguments = Arguments::default();
        arguments.text(process).number(lease.get()).text(CHANNEL);
        add(&mut arguments);
        let hash = self.load(script);
        let micros = self.clock.as_micros();
        let mut pipe = redis::pipe();
        pipe.cmd("DEL").arg(CLOCK).ignore();
        pipe.cmd("RPUSH").arg(CLOCK).arg(micros / 1_000_000).arg(micros % 1_000_000).ignore();
        pipe.add_command(command("EVALSHA", &hash, &self.keys, &arguments));
        // Comes after all that the script has said.
        pipe.cmd("PUBLISH").arg("end").arg("").ignore();
        let [value]: [Value; 1] = pipe.query(&mut self.connection).expect("the script runs");
        Said { reply: Reply::parse(value).expect("an answer of ours"), messages: self.listen() }
    }

    /// How many commands the server runs for what is done here, those in scripts included.
    pub(super) fn commands_for(&mut self, what: impl FnOnce(&mut Self)) -> u64 {
        self.query::<()>(redis::cmd("CONFIG").arg("RESETSTAT"));
        what(self);
        let info: String = self.query(redis::cmd("INFO").arg("commandstats"));
        let calls = |row: &str| row.split_once("calls=")?.1.split(',').next()?.parse::<u64>().ok();
        info.lines().filter_map(calls).sum()
    }

    /// The script as it is, but for its clock.
    fn load(&mut self, script: &Script) -> String {
        let source = script.source();
        if let Some(hash) = self.loaded.get(&source.as_ptr()) {
            return hash.clone();
        }
        assert_eq!(source.matches("call('TIME')").count(), 1, "a script reads the clock once");
        let virtual_source = source.replace("call('TIME')", &format!("call('LRANGE', '{CLOCK}', 0, 1)"));
        let hash: String = self.query(redis::cmd("SCRIPT").arg("LOAD").arg(virtual_source));
        self.loaded.insert(source.as_ptr(), hash.clone());
        hash
    }

    fn listen(&mut self) -> Vec<(String, u64, News)> {
        let mut messages = Vec::new();
        loop {
            let message = self.listener.recv_response().expect("the end is told as well");
            let (_, _, channel, payload): (String, String, String, String) =
                redis::from_redis_value(message).expect("a message");
            let Some(process) = channel.strip_prefix(CHANNEL) else { return messages };
            let (number, news) = parse_message(&payload).expect("a message of ours");
            messages.push((process.to_owned(), number, news));
        }
    }
}

/// What a process says when it joins, before what it has granted: what it was set up with, and what it knows of the limits.
pub(super) fn introduce(arguments: &mut Arguments, setup: &Limits, window: Window, known: Option<&Limits>) {
    add_limits(arguments, setup);
    arguments.number(window.span().get()).number(window.guard.get());
    arguments.signed(known.map_or(-1, |known| known.version as i64)).number(known.is_some().into());
    add_limits(arguments, known.unwrap_or(&Limits::default()));
    // No cut, no outage; nothing that it asks for; this is all.
    arguments.number(0).number(0).text("").number(1);
}
