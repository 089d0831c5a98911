#!/usr/bin/env bash
# Fails if an addon's symbol versions require a newer glibc than the given version. Requires binutils.
#
# usage: scripts/check-glibc.sh addon.node 2.17
set -euo pipefail

addon=$1
maximum=$2

newest=$(readelf --version-info --wide "$addon" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
echo "$(basename "$addon") needs glibc $newest"
[ "$(printf '%s\n' "$newest" "$maximum" | sort -V | tail -n 1)" = "$maximum" ] || {
  echo "That is newer than $maximum." >&2
  exit 1
}
