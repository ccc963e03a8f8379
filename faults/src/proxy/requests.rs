//! How many commands begin in a stream of bytes.

/// Follows what a client sends: arrays of strings (RESP), whose content is skipped by its stated length.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Strings of the current command that have not begun yet.
    strings_left: u64,
    /// Bytes of the current string that have not come yet, with its line's end.
    bytes_left: u64,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
}

/// Longer than any line that announces an array or a string.
const LINE_BYTES: usize = 32;

impl Requests {
    /// How many commands begin in the next bytes of the stream. A command whose first line is not complete counts later.
    pub(super) fn count(&mut self, mut bytes: &[u8]) -> u64 {
        let mut begun = 0;
        while !bytes.is_empty() {
            if self.bytes_left > 0 {
                let skipped = bytes.len().min(usize::try_from(self.bytes_left).unwrap_or(usize::MAX));
                self.bytes_left -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                // What has no lines is not RESP; nothing is counted, and it is not kept either.
                self.line.truncate(LINE_BYTES);
                break;
            };
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            begun += self.read_line();
        }
        begun
    }

    /// Takes in a line; 1 where it begins a command.
    fn read_line(&mut self) -> u64 {
        let line = std::mem::take(&mut self.line);
        let announced = std::str::from_utf8(&line).ok().and_then(|line| {
            let (kind, number) = line.trim_end().split_at_checked(1)?;
            Some((kind, number.parse::<u64>().ok()?))
        });
        match announced {
            Some(("*", strings)) if self.strings_left == 0 => {
                self.strings_left = strings;
                1
            }
            Some(("$", bytes)) if self.strings_left > 0 => {
                self.strings_left -= 1;
                self.bytes_left = bytes.saturating_add(2);
                0
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &[u8] =
        b"*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9\r\n*1\r\n*2\r\n\n\r\n*1\r\n$4\r\nPING\r\n";

    #[test]
    fn commands_are_told_from_content_that_looks_like_them() {
        assert_eq!(Requests::default().count(THREE), 3);
    }

    #[test]
    fn it_does_not_matter_how_the_stream_is_cut() {
        for size in 1..THREE.len() {
            let mut requests = Requests::default();
            let counted: u64 = THREE.chunks(size).map(|chunk| requests.count(chunk)).sum();
            assert_eq!(counted, 3, "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_not_resp_counts_nothing() {
        assert_eq!(Requests::default().count(b"\x16\x03\x01\x02\x00\n*x\r\n$5\r\n\xff\n"), 0);
        let mut requests = Requests::default();
        assert_eq!(requests.count(&[b'*'; 1_000_000]), 0);
        assert!(requests.line.capacity() < 2_000_000);
        assert_eq!(requests.line.len(), LINE_BYTES);
    }
}
