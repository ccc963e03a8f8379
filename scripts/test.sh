#!/usr/bin/env bash
# Runs every test of the workspace, on a machine that has only Rust. What tests need beyond that is installed here.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "scripts/test.sh: $*" >&2
  exit 1
}

# As root, or by sudo where there is one.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    fail "no right to run '$*', and no sudo; run it as root, then this again"
  fi
}

# Tests start servers of their own, on free ports. A service that comes with a package is of no use to them, and ends here.
install_redis() {
  if command -v apt-get >/dev/null; then
    # The lists of a fresh container are empty, those of an old machine name what is gone.
    as_root apt-get install -y redis-server || { as_root apt-get update && as_root apt-get install -y redis-server; }
    if [ -d /run/systemd/system ]; then as_root systemctl disable --now redis-server || true; fi
  elif command -v dnf >/dev/null; then
    # Newer ones have Valkey in its place.
    as_root dnf install -y redis || as_root dnf install -y valkey
  elif command -v apk >/dev/null; then
    as_root apk add redis
  elif command -v brew >/dev/null; then
    brew install redis
  else
    fail "no apt-get, dnf, apk or brew to install Redis with; install redis-server 6.2 or newer, or valkey-server"
  fi
}

has_redis() {
  command -v "${RATEPILOT_TEST_REDIS:-redis-server}" >/dev/null || command -v valkey-server >/dev/null
}

command -v cargo >/dev/null || fail "cargo is not there; install Rust 1.89 or newer (https://rustup.rs)"
if ! has_redis; then
  echo "scripts/test.sh: installing Redis, which tests start servers of" >&2
  install_redis >&2
  has_redis || fail "Redis was installed, but redis-server is not on the PATH"
fi

# The tests run the binary as a user does, so it is built first, in the same profile.
cargo build --workspace --locked
cargo test --workspace --locked "$@"
# What only a feature brings, which the workspace leaves out.
cargo test -p limiter-core --features metrics --test metrics --locked
