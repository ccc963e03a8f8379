//! What tests of traces share.

use std::io::Write;

use tempfile::NamedTempFile;

use super::{Trace, TraceCall, TraceError};

/// A file with `content`, as long as it is kept.
pub(super) fn file(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(content).expect("room for it");
    file
}

/// The trace that `text` is.
pub(super) fn open(text: &str) -> (NamedTempFile, Result<Trace, TraceError>) {
    let saved = file(text.as_bytes());
    let trace = Trace::open(saved.path(), None);
    (saved, trace)
}

/// The calls that `text` holds.
pub(super) fn read(text: &str) -> Vec<TraceCall> {
    let (_saved, trace) = open(text);
    trace.unwrap_or_else(|error| panic!("{error}")).calls(1).unwrap().map(Result::unwrap).collect()
}
