#!/bin/sh
# Marks of unfinished work have no place in what is published. (They are spelled with brackets here, so as not to find themselves.)
set -eu
cd "$(dirname "$0")/../.."

found=$(grep -srnIE --exclude-dir=corpus --exclude-dir=__pycache__ -e '\b(TO[D]O|FI[X]ME|XX[X]|HA[C]K|WI[P])\b' \
    -e '\b[Ii]ssue #?[0-9]' Makefile README.md include lib server examples tests bench pkgconfig || true)
[ -z "$found" ] || { echo "$found"; exit 1; }
