#!/bin/sh
# No mutable globals: two databases may be open in one process. Needs the build's objects.
set -eu
cd "$(dirname "$0")/../.."
build=${KORA_BUILD:-build}
[ -d "$build/obj" ] || { echo "$build/obj is not there: run \`make\` first"; exit 1; }

# What is exempt, as object:name, each for the reason given.
# engine/shard.c:thread_state    what a thread is to the library: a flag of the thread over all databases ("inside a callback")
exempt='
engine/shard.c:thread_state
'
find "$build/obj" -name '*.o' | sort | xargs objdump -t | awk -v exempt="$exempt" '
BEGIN { n = split(exempt, e, /[ \n]+/); for (i = 1; i <= n; i++) if (e[i] != "") known[e[i]] }
/file format/ { object = $1; sub(/.*\/obj\//, "", object); sub(/\.o:$/, ".c", object); objects++; next }
/[ \t](\.bss|\.data|\.tbss|\.tdata|\*COM\*)[.a-zA-Z0-9_]*[ \t]/ && !/\.data\.rel\.ro/ {
    if ($2 == "d" || $3 == "d" || $(NF - 1) ~ /^0+$/) next # the section itself, or a name for its end
    name = $NF
    sub(/\.[0-9]+$/, "", name) # a static variable of a function
    if (!((object ":" name) in known)) { print "lib/" object ":1: mutable global `" name "`"; bad = 1 }
}
END { if (!objects) { print "no objects below the build folder"; bad = 1 } exit bad }'
