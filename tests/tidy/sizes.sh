#!/bin/sh
# Files of at most 800 lines (tables, *.def, are exempt), functions of at most 70 and with a median below 15.
set -eu
cd "$(dirname "$0")/../.."

# Functions that may be longer, as file:name, each for the reason given.
exempt='
'
bad=0
for file in $(find lib server -name '*.[ch]'); do
    lines=$(wc -l < "$file")
    if [ "$lines" -gt 800 ]; then echo "$file:$lines: more than 800 lines"; bad=1; fi
done
ctags -f - --languages=C --langmap=C:.c.h --kinds-C=f --fields=+ne --excmd=number $(find lib server -name '*.[ch]') | awk -F '\t' -v exempt="$exempt" '
BEGIN { n = split(exempt, e, /[ \n]+/); for (i = 1; i <= n; i++) if (e[i] != "") known[e[i]] }
/^!/ { next }
{
    first = last = 0
    for (i = 4; i <= NF; i++) {
        if ($i ~ /^line:/) first = substr($i, 6) + 0
        if ($i ~ /^end:/) last = substr($i, 5) + 0
    }
    if (!last) next
    lines = last - first + 1
    count[lines]++
    functions++
    if (lines > 70 && !(($2 ":" $1) in known)) { print $2 ":" first ": " $1 " has " lines " lines, more than 70"; bad = 1 }
}
END {
    if (!functions) { print "lib:1: no functions found"; exit 1 }
    for (lines = 1; seen * 2 < functions; lines++) seen += count[lines]
    printf "%d functions, median %d lines\n", functions, lines - 1
    if (lines - 1 >= 15) { print "lib:1: the median is not below 15"; bad = 1 }
    exit bad
}' || bad=1
exit $bad
