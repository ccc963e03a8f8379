//! A row of `calls.csv`, read from its text.

use serde::Deserialize;

/// The head of the file, as users rely on it.
pub const HEADER: &str = "scenario,controller,replication,process,call,attempt,arrival_s,granted_s,provider_s,\
                          finished_s,outcome,code,limit_calls,limit_concurrency,input_tokens,output_tokens";

/// One attempt.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Row {
    /// The run that it belongs to…
    pub scenario: String,
    /// …the second part…
    pub controller: String,
    /// …and the third.
    pub replication: u32,
    /// The client process.
    pub process: u32,
    /// The call.
    pub call: u64,
    /// From 1.
    pub attempt: u32,
    arrival_s: f64,
    granted_s: f64,
    provider_s: f64,
    finished_s: f64,
    /// `success`, `refused`, `overload` or `timeout`.
    pub outcome: String,
    /// 1302, 1303, 1305, or none.
    pub code: Option<u16>,
    /// The provider's limit on calls, as the row says.
    pub limit_calls: Option<u64>,
    /// The provider's limit on calls in flight, as the row says.
    pub limit_concurrency: Option<u64>,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

impl Row {
    /// All rows of a file.
    ///
    /// # Panics
    /// Where the text is no `calls.csv`.
    pub fn read_all(text: &str) -> Vec<Self> {
        assert_eq!(text.lines().next(), Some(HEADER));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Result<Vec<Self>, _> = reader.deserialize().collect();
        rows.unwrap_or_else(|error| panic!("{error}"))
    }

    /// When the call arrived, in microseconds.
    pub fn arrival(&self) -> u64 {
        micros(self.arrival_s)
    }

    /// When the attempt was granted, in microseconds.
    pub fn granted(&self) -> u64 {
        micros(self.granted_s)
    }

    /// When it reached the provider, in microseconds.
    pub fn reached(&self) -> u64 {
        micros(self.provider_s)
    }

    /// When the provider was done with it, in microseconds.
    pub fn finished(&self) -> u64 {
        micros(self.finished_s)
    }

    /// Input and output together.
    pub fn tokens(&self) -> u64 {
        self.input_tokens + self.output_tokens
    }

    /// Whether the provider served it, even if the answer came too late.
    pub fn is_accepted(&self) -> bool {
        matches!(self.outcome.as_str(), "success" | "timeout")
    }

    /// Whether it was refused for a limit.
    pub fn is_hit(&self) -> bool {
        self.outcome == "refused"
    }

    /// Whether the platform was overloaded.
    pub fn is_overload(&self) -> bool {
        self.outcome == "overload"
    }
}

/// Exact: six decimals, and a double has sixteen digits.
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}
