#!/usr/bin/env bash
# Fuzzes every target, or the one named, so many times: fuzz/run.sh [runs] [target]. Under AddressSanitizer; an input over 30
# seconds or over 1 GiB of memory counts as a crash.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-100000}

version=0.13.2
if ! cargo fuzz --version 2>/dev/null | grep -qF "$version"; then
  cargo install --quiet --locked cargo-fuzz --version "$version"
fi
# The sanitizer's flags are the only unstable ones: with this, the compiler that builds the library builds the targets too.
export RUSTC_BOOTSTRAP=1
# What is freed is kept back for a while to catch its use; not so much that the memory limit would measure that.
export ASAN_OPTIONS=quarantine_size_mb=32

node fuzz/seed.js
for target in ${2:-token header claims keys request pipeline}; do
  printf '\n-- %s\n' "$target"
  cargo fuzz run "$target" -- -runs="$runs" -max_len=20000 -timeout=30 -rss_limit_mb=1024 -dict=fuzz/jwt.dict \
    -print_final_stats=1 -verbosity=0
done
