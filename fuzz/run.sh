#!/usr/bin/env bash
# Runs every fuzz target, or the named one, under AddressSanitizer: fuzz/run.sh [--record] [runs] [target]. Inputs that
# take more than 30 seconds or 1 GiB of memory count as crashes. --record adds the result to docs/security-runs.md.
set -euo pipefail
cd "$(dirname "$0")/.."
record=
if [ "${1:-}" = --record ]; then record=yes; shift; fi
runs=${1:-100000}

version=0.13.2
if ! cargo fuzz --version 2>/dev/null | grep -qF "$version"; then
  cargo install --quiet --locked cargo-fuzz --version "$version"
fi
# The sanitizer flags are unstable. This variable lets the stable compiler accept them, so nightly Rust is not needed.
export RUSTC_BOOTSTRAP=1
# AddressSanitizer quarantines freed memory to detect use after free. A large quarantine would use up the memory limit.
export ASAN_OPTIONS=quarantine_size_mb=32

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Called only if the run had no crash, hang or wrong verdict, because each of those ends the script.
summary() {
  awk '/^stat::number_of_executed_units/ { runs = $2 } /^stat::average_exec_per_sec/ { rate = $2 } /^stat::peak_rss_mb/ { peak = $2 }
    END {
      count = runs < 1e6 ? runs : sprintf("%.1f million", runs / 1e6)
      printf "%s executions, %d per second, at most %d MiB; crashes, hangs, wrong verdicts: 0", count, rate, peak
    }' "$log"
}
# `cargo fuzz` has no --locked option, so this command checks that the lock file is up to date.
cargo metadata --locked --manifest-path fuzz/Cargo.toml --format-version 1 >/dev/null
node fuzz/seed.js
for target in ${2:-token header claims keys request pipeline}; do
  printf '\n-- %s\n' "$target"
  cargo fuzz run "$target" -- -runs="$runs" -max_len=20000 -timeout=30 -rss_limit_mb=1024 -dict=fuzz/jwt.dict \
    -print_final_stats=1 -verbosity=0 2>&1 | tee "$log"
  [ -z "$record" ] || node scripts/record-run.js "Fuzzing \`$target\`" "npm run test:fuzz -- $runs $target" "$(summary)"
done
