#!/usr/bin/env bash
# Builds the addon for one Linux target against an old glibc, so that the addon loads wherever Node runs. Fails if the
# addon requires a newer glibc.
# Requires cargo-zigbuild and zig: `pip install --require-hashes -r scripts/requirements.txt`.
#
# usage: scripts/build-portable.sh [target [folder]]
set -euo pipefail
cd "$(dirname "$0")/.."

target=${1:-x86_64-unknown-linux-gnu}
folder=${2:-target/portable}
# Node's official Linux binaries require glibc 2.28, and the unofficial binaries for older systems require glibc 2.17.
glibc=2.17

case $target in
  *-gnu) versioned=$target.$glibc ;;
  *) versioned=$target ;;
esac

mkdir -p "$folder"
npx --no-install napi build --platform --release --cross-compile --target "$versioned" --output-dir "$folder" --no-js -- --locked

for addon in "$folder"/*.linux-*-gnu.node; do
  [ -e "$addon" ] || continue
  scripts/check-glibc.sh "$addon" "$glibc"
done
