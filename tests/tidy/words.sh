#!/bin/sh
# Words that have no place in what is published: marks of unfinished work, and talk of how it came about.
set -eu
cd "$(dirname "$0")/../.."

found=$(grep -srnIE --exclude=words.sh --exclude-dir=corpus --exclude-dir=__pycache__ \
    -e '\b(TODO|FIXME|XXX|HACK|WIP)\b' -e '\b[Aa]gents?\b|\b[Hh]elper session|\bthis session\b|session stop' -e '(^|[^a-zA-Z.])/work/|DESIGN\.md|STYLE\.md|PEERS\.md' \
    -e '\b[Ii]ssue #?[0-9]' Makefile README.md include lib server examples tests bench pkgconfig || true)
[ -z "$found" ] || { echo "$found"; exit 1; }
