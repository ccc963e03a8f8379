//! The scripts that decide in the store, and how they are called: one command, one round trip.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};

use super::link::Connection;

macro_rules! script {
    ($(#[$doc:meta])* $name:ident, $file:literal) => {
        $(#[$doc])*
        pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!(include_str!("scripts/pool.lua"), include_str!($file))));
    };
}

script!(
    /// Asks for a permit.
    ACQUIRE, "scripts/acquire.lua"
);
script!(
    /// Heartbeat, what has ended, and whoever can go.
    TURN, "scripts/turn.lua"
);
script!(
    /// Gives up a place in the queue, unless its grant has come.
    LEAVE, "scripts/leave.lua"
);
script!(
    /// Takes part in a pool.
    JOIN, "scripts/join.lua"
);
script!(
    /// Sets or cuts limits.
    LIMIT, "scripts/limit.lua"
);
script!(
    /// Tries out what the user may do.
    CHECK, "scripts/check.lua"
);
script!(
    /// Looks, or forgets.
    PEEK, "scripts/peek.lua"
);

/// A script's source and the hash by which the server knows it.
#[derive(Debug)]
pub(super) struct Script {
    modern: Body,
    /// Without the first line, `#!lua`, which servers older than 7 do not know.
    plain: Body,
}

#[derive(Debug)]
struct Body {
    source: &'static str,
    hash: String,
}

/// Servers older than 7 do not know the line `#!lua`; one such server is enough to leave it out.
static PLAIN: AtomicBool = AtomicBool::new(false);

impl Script {
    #[cfg(test)]
    pub(super) const fn source(&self) -> &'static str {
        self.modern.source
    }

    fn new(source: &'static str) -> Self {
        let plain = source.split_once('\n').map_or(source, |(_, rest)| rest);
        Self { modern: Body::new(source), plain: Body::new(plain) }
    }

    /// Runs on one pool's keys.
    ///
    /// A server that does not know the script (a new one, a promoted replica) is sent its source: the second command
    /// of a call that otherwise is one.
    pub(super) async fn run(
        &self,
        connection: &mut Connection,
        keys: &[String],
        arguments: &Arguments,
    ) -> RedisResult<Value> {
        let body = if PLAIN.load(Ordering::Relaxed) { &self.plain } else { &self.modern };
        match connection.send(&command("EVALSHA", &body.hash, keys, arguments)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {}
            result => return result,
        }
        match connection.send(&command("EVAL", body.source, keys, arguments)).await {
            Err(error) if error.to_string().contains("near '#'") => {
                PLAIN.store(true, Ordering::Relaxed);
                connection.send(&command("EVAL", self.plain.source, keys, arguments)).await
            }
            result => result,
        }
    }
}

impl Body {
    fn new(source: &'static str) -> Self {
        Self { source, hash: redis::Script::new(source).get_hash().to_owned() }
    }
}

/// The arguments of a call.
#[derive(Debug, Default)]
pub(super) struct Arguments(Vec<Argument>);

#[derive(Clone, Debug)]
enum Argument {
    Text(String),
    Number(i64),
}

impl Arguments {
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push(Argument::Text(text.to_owned()));
        self
    }

    /// Saturates where the store could not count that far.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.push(Argument::Number(number.min(crate::limits::MAX_LIMIT) as i64));
        self
    }

    pub(super) fn append(&mut self, more: &Self) -> &mut Self {
        self.0.extend_from_slice(&more.0);
        self
    }

    pub(super) fn signed(&mut self, number: i64) -> &mut Self {
        self.0.push(Argument::Number(number));
        self
    }
}

/// The command that runs a script, named by its hash or its source.
pub(super) fn command(name: &str, script: &str, keys: &[String], arguments: &Arguments) -> Cmd {
    let mut command = Cmd::new();
    command.arg(name).arg(script).arg(keys.len());
    for key in keys {
        command.arg(key);
    }
    for argument in &arguments.0 {
        match argument {
            Argument::Text(text) => command.arg(text),
            Argument::Number(number) => command.arg(*number),
        };
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_what_modern_servers_want() {
        assert!(ACQUIRE.modern.source.starts_with("#!lua\n"));
        assert!(!ACQUIRE.plain.source.contains("#!lua"));
        assert_ne!(ACQUIRE.plain.hash, ACQUIRE.modern.hash);
    }
}
