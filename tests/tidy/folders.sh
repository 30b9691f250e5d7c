#!/bin/sh
# The direction of the house: a folder of lib/ includes only itself and folders above it in the list, and those by their doors.
# What ends in _int.h never leaves its folder. Everything outside lib/ that a user could write includes kora.h alone (and korad's files korad.h).
set -eu
cd "$(dirname "$0")/../.."

perl tests/tidy/_code.pl $(find lib -name '*.[ch]') server/*.c $(find examples -name '*.c' -o -name '*.cpp') | awk -F: '
BEGIN {
    n = split("base ds os resp call type doc vec feed stat store stripe cmd engine net http api", order, " ")
    for (i = 1; i <= n; i++) rank[order[i]] = i
    # Toolboxes: any header of theirs may be included.
    tool["base"]; tool["ds"]; tool["os"]; tool["type"]
    # Headers that are doors beside <folder>/<folder>.h.
    door["call/effect.h"]; door["call/multi.h"]; door["call/settings.h"]; door["cmd/digest.h"]; door["cmd/host.h"]; door["cmd/settings.h"]; door["engine/durable.h"]; door["store/log.h"]; door["store/recover.h"]
    door["store/rdb_file.h"]; door["store/lz4_file.h"]; door["store/byte_file.h"]; door["store/byte_stream.h"]; door["store/snapshot_dir.h"]; door["stripe/snapshot.h"]
    door["engine/save.h"]
}
function wrong(text) { print $1 ":" $2 ": " text; bad = 1 }
$3 !~ /^#[ ]*include "/ { next }
{
    header = $3
    sub(/^#[ ]*include "/, "", header)
    sub(/".*/, "", header)
    split($1, path, "/")
    if (path[1] != "lib") {
        if (header != "kora.h" && $1 "/" header !~ /^server\/[a-z]*\.c\/korad\.h$/) wrong("includes \"" header "\": only kora.h is public")
        next
    }
    from = path[2]
    if (header == "kora.h") next
    if (split(header, part, "/") != 2) { wrong("\"" header "\" is not written \"folder/file.h\""); next }
    to = part[1]
    if (!(from in rank)) wrong("lib/" from " is not in the list of folders")
    else if (!(to in rank)) wrong("includes \"" header "\": no such folder in the list")
    else if (rank[to] > rank[from]) wrong("lib/" from " includes \"" header "\": lib/" to " is below it")
    else if (to != from && part[2] ~ /_int\.h$/) wrong("includes \"" header "\": private to lib/" to)
    else if (to != from && !(to in tool) && !(header in door) && part[2] != to ".h") wrong("includes \"" header "\": the door is \"" to "/" to ".h\"")
}
END { exit bad }'
