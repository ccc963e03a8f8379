//! What the server says about the cost of a command.

/// One command's row of `INFO commandstats`, since the server started or `CONFIG RESETSTAT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandStats {
    /// How often it was run.
    pub calls: u64,
    /// The server's time in it, in microseconds, all calls together.
    pub microseconds: u64,
    /// How often it was refused before it ran, for example for want of permission.
    pub rejected: u64,
    /// How often it failed while it ran.
    pub failed: u64,
}

impl CommandStats {
    /// The row of `command`, in lower case, in the text of `INFO commandstats`; all zero where it never ran.
    pub(crate) fn of(command: &str, info: &str) -> Self {
        let prefix = format!("cmdstat_{command}:");
        let row = info.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default();
        let value = |name: &str| {
            let mut pairs = row.trim_end().split(',').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
        };
        Self {
            calls: value("calls"),
            microseconds: value("usec"),
            rejected: value("rejected_calls"),
            failed: value("failed_calls"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read() {
        let info = "# Commandstats\r\n\
            cmdstat_get:calls=1,usec=9,usec_per_call=9.00,rejected_calls=0,failed_calls=0\r\n\
            cmdstat_evalsha:calls=12,usec=345,usec_per_call=28.75,rejected_calls=2,failed_calls=1\r\n";
        let expected = CommandStats { calls: 12, microseconds: 345, rejected: 2, failed: 1 };
        assert_eq!(CommandStats::of("evalsha", info), expected);
        assert_eq!(CommandStats::of("eval", info), CommandStats::default());
    }
}
