//! The binary `ratepilot`.
fn main() {}
