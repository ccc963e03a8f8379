//! How a server's process comes to be.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Server;
use crate::certificate::Certificate;
use crate::options::Options;
use crate::port::Port;
use crate::process::Process;

/// How long a server may take until it listens.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

impl Server {
    /// Everything but the process.
    pub(super) fn prepare(options: Options) -> Self {
        let folder = TempDir::new().expect("a folder for temporary files");
        let tls = options.wants_tls().then(|| (Port::reserve(), Certificate::make_in(folder.path())));
        let (port, process, stopped) = (Port::reserve(), Mutex::default(), AtomicBool::default());
        let server = Self { options, folder, port, tls, process, stopped };
        fs::create_dir(server.data()).expect("the folder is ours");
        let place = |name: &str| server.folder.path().join(name).display().to_string();
        let mut lines = vec![
            format!("port {}", server.port()),
            format!("unixsocket {}", server.socket().display()),
            format!("dir {}", server.data().display()),
            format!("logfile {}", place("log")),
        ];
        if !server.options.is_sentinel() {
            // Not in the folder of the data: a node that lost those still knows its cluster.
            lines.push(format!("cluster-config-file {}", place("nodes")));
        }
        if let Some((port, files)) = &server.tls {
            lines.push(format!("tls-port {}", port.number()));
            lines.push(format!("tls-cert-file {}", files.certificate.display()));
            lines.push(format!("tls-key-file {}", files.key.display()));
            lines.push(format!("tls-ca-cert-file {}", files.certificate.display()));
            lines.push("tls-auth-clients no".to_owned());
        }
        fs::write(place("conf"), server.options.file(&lines)).expect("the folder is ours");
        server
    }

    /// Starts the process with more options, and returns once it listens; else what it wrote.
    #[track_caller]
    pub(super) fn launch(&self, options: &[&str]) -> Result<(), String> {
        // A socket that a killed process has left would look like one that listens.
        let _ = fs::remove_file(self.socket());
        let mut command = Command::new(program());
        command.arg(self.folder.path().join("conf")).args(options);
        if self.options.is_sentinel() {
            command.arg("--sentinel");
        }
        // Its stdout is its log, and what it says about a wrong option goes there.
        let said = fs::File::create(self.folder.path().join("said")).expect("the folder is ours");
        let errors = said.try_clone().expect("a file can be opened twice");
        command.stdout(Stdio::from(said)).stderr(Stdio::from(errors));
        let mut process = Process::spawn(&mut command, self.folder.path()).expect("the program was found");
        let begun = Instant::now();
        while !self.socket().exists() {
            if process.has_ended() || begun.elapsed() > STARTS_WITHIN {
                let said = fs::read_to_string(self.folder.path().join("said")).unwrap_or_default();
                return Err(format!("{said}{}", self.log()));
            }
            sleep(Duration::from_millis(2));
        }
        *self.process() = Some(process);
        Ok(())
    }
}

/// The program that is started.
#[track_caller]
fn program() -> String {
    if let Ok(program) = std::env::var("RATEPILOT_TEST_REDIS") {
        return program;
    }
    let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found = ["redis-server", "valkey-server"].into_iter().find(is_there);
    let found = found.expect(
        "redis-server is not installed, and this test starts one of its own; scripts/test.sh installs it and runs \
         the tests, or set RATEPILOT_TEST_REDIS to the path of a server",
    );
    found.to_owned()
}
