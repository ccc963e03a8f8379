//! What a server is started with.

use std::fmt::Write;

/// The options of a [`Server`](crate::Server). By default: loopback only, nothing kept on disk, everybody may do everything.
#[derive(Clone, Debug, Default)]
pub struct Options {
    lines: Vec<String>,
    password: Option<String>,
    tls: bool,
    sentinel: bool,
}

impl Options {
    /// A line of the server's configuration, over what is set by default.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.lines.push(format!("{name} {value}"));
        self
    }

    /// The password of the user `default`.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.set("requirepass", password)
    }

    /// One more user, with rules as `ACL SETUSER` takes them, such as `~* &* +@all -eval`.
    #[must_use]
    pub fn user(self, name: &str, password: &str, rules: &str) -> Self {
        self.set("user", &format!("{name} on >{password} {rules}"))
    }

    /// Every change is on disk before it is answered, so that it survives a kill.
    #[must_use]
    pub fn durable(self) -> Self {
        self.set("appendonly", "yes").set("appendfsync", "always")
    }

    /// Listens with TLS on a second port.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Runs as a Sentinel.
    #[must_use]
    pub(crate) fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }

    pub(crate) fn default_password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    pub(crate) fn wants_tls(&self) -> bool {
        self.tls
    }

    pub(crate) fn is_sentinel(&self) -> bool {
        self.sentinel
    }

    /// The configuration: what the server's place says in `lines`, the defaults, then what was set.
    pub(crate) fn file(&self, lines: &[String]) -> String {
        let defaults: &[&str] =
            if self.sentinel { &[] } else { &["save \"\"", "appendonly no", "repl-diskless-sync-delay 0"] };
        let mut file = String::from("bind 127.0.0.1\nprotected-mode no\n");
        let defaults = defaults.iter().copied();
        for line in
            lines.iter().map(String::as_str).chain(defaults).chain(self.lines.iter().map(String::as_str))
        {
            // Writing into a string cannot fail.
            let _ = writeln!(file, "{line}");
        }
        file
    }
}
