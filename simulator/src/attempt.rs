//! One attempt at the provider: a row of `calls.csv`.

use std::io;

use limiter_core::Time;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// Served, and answered in time.
    Success,
    /// Refused for a limit; the code is 1302, or 1303 for tokens.
    Refused(u16),
    /// Refused because the platform was overloaded.
    Overload,
    /// Accepted, and not answered by the call's deadline.
    Timeout,
}

/// One attempt, as it reaches the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The client process that made it, from 0.
    pub process: u32,
    /// The call: the same one under every controller.
    pub call: u64,
    /// From 1.
    pub attempt: u32,
    /// When the call arrived at the client.
    pub arrival: Time,
    /// When the limiter granted the attempt; without a limiter, when it was made.
    pub granted: Time,
    /// When it reached the provider.
    pub reached: Time,
    /// When the provider was done with it.
    pub finished: Time,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// The provider's limit on calls at that moment.
    pub limit_calls: Option<u64>,
    /// The provider's limit on calls in flight at that moment.
    pub limit_concurrency: Option<u64>,
    /// Tokens of the prompt.
    pub input_tokens: u32,
    /// Tokens of the answer.
    pub output_tokens: u32,
}

/// Takes in the attempts of one run, in the order in which they reach the provider.
pub trait Recorder {
    /// The next attempt.
    fn record(&mut self, attempt: &Attempt);
}

impl Recorder for () {
    fn record(&mut self, _: &Attempt) {}
}

impl Recorder for Vec<Attempt> {
    fn record(&mut self, attempt: &Attempt) {
        self.push(*attempt);
    }
}

/// The head of `calls.csv`.
pub const HEADER: &str = "scenario,controller,replication,process,call,attempt,arrival_s,granted_s,provider_s,\
                          finished_s,outcome,code,limit_calls,limit_concurrency,input_tokens,output_tokens";

impl Attempt {
    /// Writes the row of `calls.csv`; `run` holds the first three fields, ready to be written.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, run: &str, out: &mut impl io::Write) -> io::Result<()> {
        let (outcome, code) = match self.outcome {
            AttemptOutcome::Success => ("success", None),
            AttemptOutcome::Refused(code) => ("refused", Some(code)),
            AttemptOutcome::Overload => ("overload", Some(1305)),
            AttemptOutcome::Timeout => ("timeout", None),
        };
        let times = [self.arrival, self.granted, self.reached, self.finished];
        write!(out, "{run},{},{},{}", self.process, self.call, self.attempt)?;
        for time in times.map(Time::as_micros) {
            write!(out, ",{}.{:06}", time / 1_000_000, time % 1_000_000)?;
        }
        write!(out, ",{outcome},{}", Maybe(code))?;
        write!(out, ",{},{}", Maybe(self.limit_calls), Maybe(self.limit_concurrency))?;
        writeln!(out, ",{},{}", self.input_tokens, self.output_tokens)
    }
}

/// A field that is empty where there is no value.
struct Maybe<T>(Option<T>);

impl<T: std::fmt::Display> std::fmt::Display for Maybe<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_ref().map_or(Ok(()), |value| value.fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_as_the_header_says() {
        let attempt = Attempt {
            process: 1,
            call: 42,
            attempt: 2,
            arrival: Time::from_secs_f64(1.5),
            granted: Time::from_secs_f64(2.000_001),
            reached: Time::from_secs_f64(2.03),
            finished: Time::from_secs_f64(2.03),
            outcome: AttemptOutcome::Refused(1302),
            limit_calls: None,
            limit_concurrency: Some(5),
            input_tokens: 800,
            output_tokens: 300,
        };
        let mut row = Vec::new();
        attempt.write("constant,aimd,0", &mut row).unwrap();
        let row = String::from_utf8(row).unwrap();
        let expected = "constant,aimd,0,1,42,2,1.500000,2.000001,2.030000,2.030000,refused,1302,,5,800,300\n";
        assert_eq!(row, expected);
        assert_eq!(row.split(',').count(), HEADER.split(',').count());
    }
}
