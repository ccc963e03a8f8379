//! The bytes of a trace, line by line: bounded, counted and, where asked, hashed.

use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Take};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::TraceError;

/// The longest row that is read; a longer one is an error before it fills the memory.
pub(super) const MAX_ROW_BYTES: usize = 1 << 20;

const BUFFER_BYTES: usize = 64 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A regular file's lines, without a byte order mark.
///
/// As a [`Read`] it leaves out blank lines and hands out bytes of one line at a time, so that [`Lines::number`] is the
/// line that a parser has come to. A row beyond [`MAX_ROW_BYTES`] is an error of kind `FileTooLarge`, one that wants
/// more than a line, because a quote is open, of kind `InvalidData`.
pub(super) struct Lines {
    input: BufReader<Tap>,
    metadata: Metadata,
    number: u64,
    /// Bytes taken of the file, and of this row.
    taken: u64,
    row_bytes: usize,
    /// Whether the last byte taken ends its line.
    terminated: bool,
}

impl Lines {
    /// Opens a regular file. What is appended to it from now on is not read.
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        let io_error = |source| TraceError::io(path.to_path_buf(), source);
        // Asked before opening as well: to open a pipe would wait for its writer.
        check_is_file(path, &fs::metadata(path).map_err(io_error)?)?;
        let file = File::open(path).map_err(io_error)?;
        let metadata = file.metadata().map_err(io_error)?;
        check_is_file(path, &metadata)?;
        let tap = Tap { file: file.take(metadata.len()), hash: None };
        let input = BufReader::with_capacity(BUFFER_BYTES, tap);
        Ok(Self { input, metadata, number: 0, taken: 0, row_bytes: 0, terminated: true })
    }

    /// Hashes the bytes as they are read. To be called before the first is.
    pub(super) fn hashed(mut self) -> Self {
        self.input.get_mut().hash = Some(Sha256::new());
        self
    }

    /// The length and the time of the last change, when it was opened.
    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The line, from 1, that the last byte handed out is on; 0 before the first.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the file has ended, and its last line without a line end.
    pub(super) fn ended_without_line_end(&self) -> bool {
        self.taken == self.metadata.len() && !self.terminated
    }

    /// What is handed out from now on counts as a new row.
    pub(super) fn begin_row(&mut self) {
        self.row_bytes = 0;
    }

    /// Puts the next line that is not blank into `line`, without its end; false at the end of the file.
    pub(super) fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        self.begin_row();
        line.clear();
        loop {
            let part = self.next_part(usize::MAX)?;
            line.extend_from_slice(part);
            let read = part.len();
            self.take(read)?;
            let blank = line.trim_ascii().is_empty();
            if read == 0 || (self.terminated && !blank) {
                line.truncate(line.trim_ascii_end().len());
                return Ok(!blank);
            }
            if self.terminated {
                line.clear();
            }
        }
    }

    /// SHA-256 of all bytes that were read, in hexadecimal; `None` where they were not hashed.
    pub(super) fn sha256(&self) -> Option<String> {
        let digest = self.input.get_ref().hash.clone()?.finalize();
        Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The rest of this line as far as it is buffered, at most `most` bytes; empty at the end of the file.
    fn next_part(&mut self, most: usize) -> io::Result<&[u8]> {
        if self.number == 0 && self.input.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            self.input.consume(BYTE_ORDER_MARK.len());
            self.taken += BYTE_ORDER_MARK.len() as u64;
        }
        let buffered = self.input.fill_buf()?;
        if self.terminated && !buffered.is_empty() {
            self.number += 1;
            self.terminated = false;
        }
        let part = &buffered[..buffered.len().min(most)];
        Ok(part.iter().position(|byte| *byte == b'\n').map_or(part, |end| &part[..=end]))
    }

    /// Counts `length` bytes of the last part as handed out.
    fn take(&mut self, length: usize) -> io::Result<()> {
        if let Some(last) = length.checked_sub(1) {
            self.terminated = self.input.buffer().get(last) == Some(&b'\n');
        }
        self.input.consume(length);
        self.taken += length as u64;
        self.row_bytes += length;
        if self.row_bytes > MAX_ROW_BYTES { Err(ErrorKind::FileTooLarge.into()) } else { Ok(()) }
    }
}

impl Read for Lines {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.terminated && self.row_bytes > 0 {
            return Err(ErrorKind::InvalidData.into());
        }
        loop {
            // Also what is left of a line whose end a parser has seen already, in the first half of `\r\n`.
            let begins_row = self.row_bytes == 0;
            let part = self.next_part(out.len())?;
            let length = part.len();
            let blank = begins_row && length > 0 && part.trim_ascii().is_empty();
            if !blank {
                out[..length].copy_from_slice(part);
            }
            self.take(length)?;
            if !blank {
                return Ok(length);
            }
            self.begin_row();
        }
    }
}

/// A file that is hashed while it is read.
struct Tap {
    file: Take<File>,
    hash: Option<Sha256>,
}

impl Read for Tap {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(out)?;
        if let Some(hash) = &mut self.hash {
            hash.update(&out[..length]);
        }
        Ok(length)
    }
}

fn check_is_file(path: &Path, metadata: &Metadata) -> Result<(), TraceError> {
    if metadata.is_file() {
        return Ok(());
    }
    let found = if metadata.is_dir() { "a directory" } else { "a pipe or a device" };
    Err(TraceError::NotAFile { file: path.to_path_buf(), found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{file, open};

    fn lines(content: &[u8]) -> Vec<(u64, String)> {
        let saved = file(content);
        let mut lines = Lines::open(saved.path()).unwrap();
        let (mut line, mut all) = (Vec::new(), Vec::new());
        while lines.next_line(&mut line).unwrap() {
            all.push((lines.number(), String::from_utf8(line.clone()).unwrap()));
        }
        all
    }

    #[test]
    fn lines_are_numbered_as_an_editor_does() {
        let read = lines(b"\xef\xbb\xbfa\r\n\r\n  \nb\nc");
        assert_eq!(read, [(1, "a".into()), (4, "b".into()), (5, "c".into())]);
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n\n"), []);
    }

    #[test]
    fn an_endless_line_is_an_error_and_a_long_one_is_not() {
        let saved = file(&vec![b'x'; MAX_ROW_BYTES + 1]);
        let refused = Lines::open(saved.path()).unwrap().next_line(&mut Vec::new()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
        let longest = [vec![b'x'; MAX_ROW_BYTES - 1], b"\ny".to_vec()].concat();
        assert_eq!(lines(&longest).len(), 2);
    }

    #[test]
    fn a_buffers_end_within_a_line_end_is_no_line_end_more() {
        for padding in BUFFER_BYTES - 8..BUFFER_BYTES + 2 {
            let text =
                format!("arrival_s,model\r\n0,{}\r\n1,x\r\n2,x,y\r\n3,x\r\n", "x".repeat(padding - 19));
            let error = open(&text).1.unwrap_err();
            assert!(matches!(error, TraceError::FieldCount { line: 4, .. }), "{padding}: {error}");
        }
    }

    #[test]
    fn all_bytes_are_hashed_the_byte_order_mark_too() {
        let saved = file(b"\xef\xbb\xbfabc");
        let mut lines = Lines::open(saved.path()).unwrap().hashed();
        while lines.next_line(&mut Vec::new()).unwrap() {}
        // printf '\xef\xbb\xbfabc' | sha256sum
        let known = "1c28dc3f1f804a1ad9c9b4b4cf5e2658d16ad4ed08e3020d04a8d2865018947c";
        assert_eq!(lines.sha256().as_deref(), Some(known));
    }
}
