#!/usr/bin/env bash
# Runs every test of the workspace, on a machine that has only Rust. What tests need beyond that is installed here.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cargo >/dev/null; then
  echo "scripts/test.sh: cargo is not there; install Rust 1.89 or newer (https://rustup.rs)" >&2
  exit 1
fi

# The tests run the binary as a user does, so it is built first, in the same profile.
cargo build --workspace --locked
cargo test --workspace --locked "$@"
