//! The binary, and an empty folder in which a user runs it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use tempfile::TempDir;

/// The binary, built in the profile of the test that asks for it.
static BINARY: LazyLock<PathBuf> = LazyLock::new(build);

/// An empty folder that the binary is run in, with an empty environment: nothing of this machine gets in.
pub struct Workplace {
    dir: TempDir,
}

/// What one run of the binary said.
#[derive(Debug)]
pub struct Said {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

/// The bytes of every file below a folder, by path.
pub type Tree = BTreeMap<PathBuf, Vec<u8>>;

impl Workplace {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "it makes a folder, which is no default")]
    pub fn new() -> Self {
        Self { dir: TempDir::new().expect("a folder for temporary files") }
    }

    /// The path of `name` in here.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts a file in here.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path(name), content).expect("the folder can be written to");
        self
    }

    /// Reads a file of this place as text.
    pub fn text(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Every file in here, with its bytes.
    pub fn tree(&self) -> Tree {
        self.tree_of("")
    }

    /// Every file below `name`, with its bytes; folders count as files without a byte.
    pub fn tree_of(&self, name: &str) -> Tree {
        let mut tree = Tree::new();
        gather(&self.path(name), Path::new(""), &mut tree);
        tree
    }

    /// The command, ready for arguments and the environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&*BINARY);
        command.current_dir(self.dir.path()).env_clear();
        command
    }

    /// Runs the binary with these arguments, parted at blanks.
    pub fn run(&self, args: &str) -> Said {
        self.run_in(args, &[])
    }

    /// The same in an environment.
    pub fn run_in(&self, args: &str, environment: &[(&str, &str)]) -> Said {
        let mut command = self.command();
        command.args(args.split_whitespace()).envs(environment.iter().copied());
        command.output().expect("the binary can be run").into()
    }
}

impl Said {
    /// What it wrote to stdout, where it did what it was asked to.
    ///
    /// # Panics
    /// Where it did not.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("what it says is UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// The target folder and the profile are those of the running test, so that nothing is built twice.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // <target>/<profile>/deps/<test>
    let built = test.ancestors().nth(2).expect("cargo puts tests into <target>/<profile>/deps");
    let profile = built.file_name().and_then(|name| name.to_str()).expect("profiles have plain names");
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo says to a test of its package looks to some build scripts as if theirs had changed, and they and all that
    // stands on them would be built anew, each time.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        .args(["build", "--quiet", "--package", "ratepilot-cli", "--profile"])
        .arg(if profile == "debug" { "dev" } else { profile })
        .arg("--target-dir")
        .arg(built.parent().expect("a profile's folder lies in the target folder"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "the binary does not build");
    built.join("ratepilot").with_extension(std::env::consts::EXE_EXTENSION)
}

fn gather(root: &Path, below: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(root.join(below)).expect("the folder is there") {
        let entry = entry.expect("the folder can be read");
        let path = below.join(entry.file_name());
        if entry.path().is_dir() {
            tree.insert(path.clone(), Vec::new());
            gather(root, &path, tree);
        } else {
            tree.insert(path, fs::read(entry.path()).expect("the file can be read"));
        }
    }
}
