//! The README shows what the command prints and draws: not what it once did.

use std::fs;
use std::path::PathBuf;

use ratepilot_tests::binary::Workplace;

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

#[test]
fn the_readme_shows_what_the_command_prints() {
    let place = Workplace::new();
    let printed = place.run("simulate").ok();
    for name in ["README.md", "README.zh-CN.md"] {
        let text = fs::read_to_string(repository(name)).unwrap();
        assert!(text.contains(printed.trim_end()), "{name} shows something else than:\n{printed}");
    }
    let chart = "knowledge-base-before-after.png";
    let drawn = fs::read(place.path("ratepilot-out").join(chart)).unwrap();
    let shown = fs::read(repository("docs").join(chart)).unwrap();
    assert!(
        drawn == shown,
        "docs/{chart} is not what `ratepilot simulate` draws: copy it from ratepilot-out/"
    );
}
