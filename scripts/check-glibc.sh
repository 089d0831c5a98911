#!/usr/bin/env bash
# Fails if an addon asks for a newer glibc than that one, read from its symbol versions. Needs binutils.
#
# usage: scripts/check-glibc.sh addon.node 2.17
set -euo pipefail

addon=$1
most=$2

newest=$(readelf --version-info --wide "$addon" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
echo "$(basename "$addon") needs glibc $newest"
[ "$(printf '%s\n' "$newest" "$most" | sort -V | tail -n 1)" = "$most" ] || {
  echo "That is newer than $most." >&2
  exit 1
}
