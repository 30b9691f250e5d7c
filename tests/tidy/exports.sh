#!/bin/sh
# Both libraries export what kora.h declares: nothing less, nothing more. Needs the build.
set -eu
cd "$(dirname "$0")/../.."
build=${KORA_BUILD:-build}
for library in libkora.so libkora.a; do
    [ -s "$build/$library" ] || { echo "$build/$library is not there: run \`make\` first"; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

perl -0777 -ne 's{/\*.*?\*/}{}gs; print "$1\n" while /^KORA_API\b[^;(]*?\b(\w+)\s*\(/gm' include/kora.h | sort > "$work/declared"
nm -D --defined-only "$build/libkora.so" | awk '{ print $NF }' | sort > "$work/shared"
nm -g --defined-only "$build/libkora.a" | awk 'NF == 3 { print $3 }' | sort > "$work/static"

bad=0
[ -s "$work/declared" ] || { echo "include/kora.h:1: no declarations found"; bad=1; }
for kind in shared static; do
    comm -13 "$work/declared" "$work/$kind" | sed "s/.*/$kind library: exports &, which kora.h does not declare/" > "$work/more"
    comm -23 "$work/declared" "$work/$kind" | sed "s/.*/$kind library: & is declared in kora.h, but not there/" > "$work/less"
    [ -s "$work/more" ] || [ -s "$work/less" ] && { cat "$work/more" "$work/less"; bad=1; }
done
exit $bad
