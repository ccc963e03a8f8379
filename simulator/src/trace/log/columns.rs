//! A log as CSV: a header in any order, and a row an attempt.

use csv::ByteRecord;

use super::{Logged, LoggedOutcome, Row};
use crate::trace::error::{Fault, excerpt};
use crate::trace::number::Number;
use crate::trace::rows::check_width;

/// The columns that are read, in the order of [`Columns::places`].
pub(super) const READ: [&str; 15] = [
    "arrival_s",
    "granted_s",
    "provider_s",
    "finished_s",
    "latency_s",
    "input_tokens",
    "output_tokens",
    "call",
    "attempt",
    "outcome",
    "code",
    "scenario",
    "controller",
    "replication",
    "model",
];

/// Columns that a log may have and that tell nothing about what is estimated. The true limits of a `calls.csv` are
/// among them: who calibrates does not know them.
pub(super) const IGNORED: [&str; 4] = ["process", "priority", "limit_calls", "limit_concurrency"];

/// What an `outcome` may be.
pub(super) const OUTCOMES: &str = "success, refused, overload, timeout or failed";

/// Where the header has its columns.
pub(super) struct Columns {
    width: usize,
    places: [Option<usize>; READ.len()],
}

impl Columns {
    pub(super) fn new(header: &ByteRecord) -> Result<Self, Fault> {
        let mut places = [None; READ.len()];
        for (index, name) in header.iter().enumerate() {
            let name = name.trim_ascii();
            if IGNORED.iter().any(|ignored| ignored.as_bytes() == name) {
                continue;
            }
            let Some(known) = READ.iter().position(|known| known.as_bytes() == name) else {
                let expected = format!("only {}, {}", READ.join(", "), IGNORED.join(", "));
                return Err(Fault::Column { found: excerpt(name), expected: expected.into() });
            };
            if places[known].replace(index).is_some() {
                return Err(Fault::Column { found: excerpt(name), expected: "each column once".into() });
            }
        }
        if places[0].is_none() {
            let expected = "a header with `arrival_s` and `outcome`".into();
            return Err(Fault::Column { found: excerpt(header.get(0).unwrap_or_default()), expected });
        }
        Ok(Self { width: header.len(), places })
    }

    pub(super) fn has_outcome(&self) -> bool {
        self.places[9].is_some()
    }

    pub(super) fn read<'a>(&self, row: &'a ByteRecord) -> Result<Row<'a>, Fault> {
        check_width(row, self.width)?;
        let field = |index: usize| self.places[index].map_or(&b""[..], |place| row[place].trim_ascii());
        let text = |index: usize| std::str::from_utf8(field(index)).unwrap_or_default();
        let number = |index: usize| Some(field(index)).filter(|field| !field.is_empty()).map(Number::Text);
        let seconds = |index: usize| number(index).map(|number| number.seconds(READ[index])).transpose();
        let tokens = |index: usize| number(index).map(|number| number.tokens(READ[index])).transpose();
        let outcome = LoggedOutcome::new(text(9), text(10).parse().ok());
        let logged = Logged {
            arrival: arrival(Number::Text(field(0)))?,
            granted: seconds(1)?,
            reached: seconds(2)?,
            finished: seconds(3)?,
            latency: number(4).map(|number| number.span(READ[4])).transpose()?,
            input_tokens: tokens(5)?,
            output_tokens: tokens(6)?,
            call: number(7).map(|number| number.id(READ[7])).transpose()?,
            attempt: tokens(8)?,
            outcome: outcome.ok_or_else(|| Fault::field(READ[9], field(9), OUTCOMES))?,
        };
        Ok(Row { logged, scenario: text(11), controller: text(12), replication: text(13), model: text(14) })
    }
}

/// An arrival, which is the time that is most often written in another unit.
pub(super) fn arrival(number: Number<'_>) -> Result<limiter_core::Time, Fault> {
    const SINCE_1970_MS: std::ops::RangeInclusive<f64> = 1e11..=1e13;
    number.seconds(READ[0]).map_err(|fault| {
        match number.within(READ[0], *SINCE_1970_MS.start(), *SINCE_1970_MS.end()) {
            Ok(_) => {
                number.fault(READ[0], "seconds; this looks like milliseconds since 1970: divide by 1,000")
            }
            Err(_) => fault,
        }
    })
}
