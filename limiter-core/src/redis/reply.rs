//! What a script answers, taken apart.

use std::num::NonZeroU64;

use redis::{ErrorKind, RedisError, RedisResult, Value};

use crate::decision::{Seen, Wait};
use crate::limits::{Dimension, Limits, Window};
use crate::pool_handle::Sharing;
use crate::time::{Micros, Time};

/// The answer of a script.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are answers, and none is kept")]
pub(super) enum Reply {
    Answer(Answer),
    /// The pool does not know this process (any more): it has to join, and to ask again.
    Join,
    /// There is no such pool.
    Unused,
}

#[derive(Debug)]
pub(super) struct Answer {
    /// The pool's time.
    pub(super) now: Time,
    pub(super) alarm: Alarm,
    /// What is in force, where that is not what the process knows.
    pub(super) limits: Option<InForce>,
    /// What this process's waiters have to hear.
    pub(super) news: Vec<(u64, News)>,
    pub(super) outcome: Outcome,
}

/// The limits in force, and what a store that has lost its memory has to hear of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct InForce {
    pub(super) limits: Limits,
    /// At run time, and not by a builder.
    pub(super) set: bool,
    /// When they were last cut.
    pub(super) cut: Time,
}

/// Whether this process's own timer has to wake for the head of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// It heads the queue, and can go then if nothing else happens.
    At(Time),
    /// It heads the queue, and can go when a call has ended.
    Open,
    /// Somebody else heads the queue, or nobody does.
    NotMine,
}

/// What a waiter hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Granted(Granted),
    TooLarge {
        limit: u64,
    },
    /// It heads the queue since `now`.
    Heads {
        now: Time,
        alarm: Alarm,
    },
    /// Something may have got lost, or the store has gone: ask again.
    Ask,
}

/// A grant of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) at: Time,
    pub(super) seen: Seen,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Granted(Granted),
    Wait(Wait),
    TooLarge {
        limit: u64,
    },
    /// A turn without a heartbeat.
    Heard,
    /// A heartbeat: processes taking part, messages published to this one so far, and what was asked about its calls.
    Done {
        alive: u64,
        told: u64,
        flag: bool,
    },
    /// A join; `was_there`: the pool knew this process.
    Joined {
        alive: u64,
        told: u64,
        was_there: bool,
    },
    /// A cut came too late: limits were cut after the call was granted.
    Old,
    Set,
    Seen {
        seen: Seen,
        waiting: usize,
        sharing: Sharing,
    },
}

impl Reply {
    pub(super) fn parse(value: Value) -> RedisResult<Self> {
        let fields = list(value)?;
        let mut fields = fields.into_iter();
        match fields.next() {
            Some(Value::Int(now)) => Self::answer(now, fields),
            Some(other) => match text(&other)? {
                "join" => Ok(Self::Join),
                "unused" => Ok(Self::Unused),
                word => Err(unexpected(word)),
            },
            None => Err(unexpected("nothing")),
        }
    }

    fn answer(now: i64, mut fields: impl Iterator<Item = Value>) -> RedisResult<Self> {
        let mut next = || fields.next().ok_or_else(|| unexpected("too few fields"));
        let alarm = alarm(number(&next()?)?);
        let limits = numbers(next()?)?;
        let news = news(next()?)?;
        let word = next()?;
        let rest = numbers(Value::Array(fields.collect()))?;
        let now = time(now);
        let limits = match limits.as_slice() {
            [] => None,
            limits => Some(in_force(limits)?),
        };
        let outcome = outcome(text(&word)?, &rest, limits.as_ref(), now)?;
        Ok(Self::Answer(Answer { now, alarm, limits, news, outcome }))
    }
}

fn alarm(at: i64) -> Alarm {
    match at {
        -2 => Alarm::NotMine,
        -1 => Alarm::Open,
        at => Alarm::At(time(at)),
    }
}

fn outcome(word: &str, rest: &[i64], in_force: Option<&InForce>, now: Time) -> RedisResult<Outcome> {
    Ok(match (word, rest) {
        ("granted", rest) => Outcome::Granted(granted(rest)?),
        ("wait", &[binding, at, ..]) => {
            Outcome::Wait(Wait { binding: dimension(binding)?, until: (at >= 0).then(|| time(at)) })
        }
        ("too large", &[limit]) => Outcome::TooLarge { limit: limit.unsigned_abs() },
        ("done", &[alive, told, flag]) => {
            Outcome::Done { alive: alive.unsigned_abs(), told: told.unsigned_abs(), flag: flag != 0 }
        }
        ("heard", _) => Outcome::Heard,
        ("joined", &[alive, told, was_there]) => Outcome::Joined {
            alive: alive.unsigned_abs(),
            told: told.unsigned_abs(),
            was_there: was_there != 0,
        },
        ("old", _) => Outcome::Old,
        ("set", _) => Outcome::Set,
        ("seen", &[calls, tokens, in_flight, waiting, processes, span, guard, set, cut, since]) => {
            Outcome::Seen {
                seen: Seen {
                    calls: calls.unsigned_abs(),
                    tokens: tokens.unsigned_abs(),
                    in_flight: in_flight.unsigned_abs(),
                    version: in_force.map_or(0, |told| told.limits.version),
                },
                waiting: waiting.unsigned_abs() as usize,
                sharing: Sharing {
                    processes: processes.unsigned_abs() as usize,
                    window: Window {
                        period: micros(span).saturating_sub(micros(guard)),
                        guard: micros(guard),
                    },
                    limits_set: set != 0,
                    since_cut: (cut > 0).then(|| now.since(time(cut))),
                    oldest_wait: (since >= 0).then(|| now.since(time(since))),
                },
            }
        }
        (word, _) => return Err(unexpected(word)),
    })
}

fn granted(fields: &[i64]) -> RedisResult<Granted> {
    let &[at, calls, tokens, in_flight, version] = fields else { return Err(unexpected("a short grant")) };
    let seen = Seen {
        calls: calls.unsigned_abs(),
        tokens: tokens.unsigned_abs(),
        in_flight: in_flight.unsigned_abs(),
        version: version.unsigned_abs(),
    };
    Ok(Granted { at: time(at), seen })
}

/// A message that came over the process's channel.
pub(super) fn parse_message(payload: &str) -> Option<(u64, News)> {
    let mut words = payload.split(' ');
    let word = words.next()?;
    let number = words.next()?.parse().ok()?;
    let fields: Vec<i64> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let news = match (word, fields.as_slice()) {
        ("h", &[now, at]) => News::Heads { now: time(now), alarm: alarm(at) },
        (word, fields) => message(word, fields).ok()?,
    };
    Some((number, news))
}

fn message(word: &str, fields: &[i64]) -> RedisResult<News> {
    Ok(match (word, fields) {
        ("g", fields) => News::Granted(granted(&fields[..fields.len().min(5)])?),
        ("l", &[limit, ..]) => News::TooLarge { limit: limit.unsigned_abs() },
        (word, _) => return Err(unexpected(word)),
    })
}

/// Seven fields a message: word, number, and up to five more.
fn news(value: Value) -> RedisResult<Vec<(u64, News)>> {
    let fields = list(value)?;
    (fields.chunks(7))
        .map(|fields| {
            let [word, id, rest @ ..] = fields else { return Err(unexpected("a short message")) };
            let rest = rest.iter().map(number).collect::<RedisResult<Vec<_>>>()?;
            let id = text(id)?.parse().map_err(|_| unexpected("a number that is none"))?;
            Ok((id, message(text(word)?, &rest)?))
        })
        .collect()
}

fn in_force(fields: &[i64]) -> RedisResult<InForce> {
    let &[version, calls, tokens, concurrency, pacing, set, cut] = fields else {
        return Err(unexpected("short limits"));
    };
    let limits = Limits {
        version: version.unsigned_abs(),
        calls: NonZeroU64::new(calls.unsigned_abs()),
        tokens: NonZeroU64::new(tokens.unsigned_abs()),
        concurrency: NonZeroU64::new(concurrency.unsigned_abs()),
        pacing: Micros::new(pacing.unsigned_abs()),
    };
    Ok(InForce { limits, set: set != 0, cut: time(cut) })
}

fn dimension(code: i64) -> RedisResult<Dimension> {
    Ok(match code {
        1 => Dimension::Calls,
        2 => Dimension::Tokens,
        3 => Dimension::Concurrency,
        4 => Dimension::Pacing,
        _ => return Err(unexpected("no dimension")),
    })
}

const fn time(micros: i64) -> Time {
    Time::from_micros(micros.unsigned_abs())
}

const fn micros(span: i64) -> Micros {
    Micros::new(span.unsigned_abs())
}

fn list(value: Value) -> RedisResult<Vec<Value>> {
    match value {
        Value::Array(fields) => Ok(fields),
        Value::Nil => Ok(Vec::new()),
        _ => Err(unexpected("no list")),
    }
}

fn numbers(value: Value) -> RedisResult<Vec<i64>> {
    list(value)?.iter().map(number).collect()
}

fn number(value: &Value) -> RedisResult<i64> {
    match value {
        Value::Int(number) => Ok(*number),
        _ => Err(unexpected("no number")),
    }
}

fn text(value: &Value) -> RedisResult<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).map_err(|_| unexpected("no text")),
        Value::SimpleString(text) => Ok(text),
        _ => Err(unexpected("no text")),
    }
}

fn unexpected(what: &str) -> RedisError {
    (ErrorKind::UnexpectedReturnType, "a script of the limiter answered with", what.to_owned()).into()
}
