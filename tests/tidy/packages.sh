#!/bin/sh
# Each package has one place: the folders that may include its header.
set -eu
cd "$(dirname "$0")/../.."

perl tests/tidy/_code.pl $(find lib -name '*.[ch]') server/*.c | awk -F: '
BEGIN {
    place["kora.h"] = "."
    place["uv.h"] = "^lib/(engine|net|http)/"
    place["mimalloc.h"] = "^lib/base/mem\\.c$"
    place["ini.h"] = "^server/"
    place["cjson/cJSON.h"] = "^lib/doc/"
    place["lz4.h"] = place["lz4frame.h"] = "^lib/store/"
    # The C library and the system, by their first letters.
    ours = "^(arpa/|assert|ctype|dirent|errno|fcntl|float|inttypes|limits|linux/|locale|malloc|math|netdb|netinet/|poll|pthread|sched|"
    ours = ours "setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|sys/|time|unistd|sanitizer/|emmintrin|immintrin|x86intrin|arm_neon|arm_acle)"
}
$3 ~ /^#[ ]*include </ {
    header = $3
    sub(/^#[ ]*include </, "", header)
    sub(/>.*/, "", header)
    if (header in place) {
        if ($1 !~ place[header]) { print $1 ":" $2 ": <" header "> is not included here (" place[header] ")"; bad = 1 }
    } else if (header !~ ours) { print $1 ":" $2 ": <" header "> is of no package that this script knows"; bad = 1 }
}
END { exit bad }'
