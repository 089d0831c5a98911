#!/usr/bin/env bash
# Runs every fuzz target, or the named one, under AddressSanitizer: fuzz/run.sh [--record] [runs] [target]. An input that takes
# more than 30 seconds or 1 GiB of memory counts as a crash. --record adds the result to docs/security-runs.md.
set -euo pipefail
cd "$(dirname "$0")/.."
record=
if [ "${1:-}" = --record ]; then record=yes; shift; fi
runs=${1:-100000}

version=0.13.2
if ! cargo fuzz --version 2>/dev/null | grep -qF "$version"; then
  cargo install --quiet --locked cargo-fuzz --version "$version"
fi
# The sanitizer flags are unstable. This lets the stable compiler accept them, so the targets need no nightly toolchain.
export RUSTC_BOOTSTRAP=1
# AddressSanitizer quarantines freed memory to detect its use. A small quarantine keeps it from dominating the memory limit.
export ASAN_OPTIONS=quarantine_size_mb=32

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Only called after a run without a crash, a hang or a wrong verdict: any of those exits the script.
summary() {
  awk '/^stat::number_of_executed_units/ { runs = $2 } /^stat::average_exec_per_sec/ { rate = $2 } /^stat::peak_rss_mb/ { peak = $2 }
    END {
      count = runs < 1e6 ? runs : sprintf("%.1f million", runs / 1e6)
      printf "%s executions, %d per second, at most %d MiB; crashes, hangs, wrong verdicts: 0", count, rate, peak
    }' "$log"
}
# `cargo fuzz` has no --locked: check here that the lock file needs no change.
cargo metadata --locked --manifest-path fuzz/Cargo.toml --format-version 1 >/dev/null
node fuzz/seed.js
for target in ${2:-token header claims keys request pipeline}; do
  printf '\n-- %s\n' "$target"
  cargo fuzz run "$target" -- -runs="$runs" -max_len=20000 -timeout=30 -rss_limit_mb=1024 -dict=fuzz/jwt.dict \
    -print_final_stats=1 -verbosity=0 2>&1 | tee "$log"
  [ -z "$record" ] || node scripts/record-run.js "Fuzzing \`$target\`" "npm run test:fuzz -- $runs $target" "$(summary)"
done
