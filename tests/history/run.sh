#!/bin/sh
# Histories on databases of several shapes. KORA_TEST_LONG=1: more than a million operations, and a million transactions. Last line: `N passed, N failed`.
# The programs are KORA_BUILD/check/history/history and versions (make check-programs). Arguments are ignored.
set -u
cd "$(dirname "$0")/../.." || exit 1
programs=${KORA_BUILD:-build}/check/history
seed=$(date +%s)
times=1
[ "${KORA_TEST_LONG:-0}" = 0 ] || times=15
passed=0 failed=0
run() { # program, what its first option counts, how many, its other options
    program=$1 counted=$2 count=$(($3 * times))
    shift 3
    out=$("$programs/$program" "--$counted" "$count" --seed "$seed" "$@" 2>&1)
    status=$?
    echo "$program $*"
    echo "$out"
    last=$(echo "$out" | tail -n 1)
    case $last in
    *" passed, "*" failed")
        bad=${last#*, }
        bad=${bad% failed}
        passed=$((passed + ${last%% *}))
        [ $status = 0 ] || [ "$bad" != 0 ] || bad=1
        failed=$((failed + bad)) ;;
    *) failed=$((failed + 1)) ;;
    esac
}
run history histories 3000 --hosts 3 --sockets 3
run history histories 800 --hosts 2 --sockets 6 --stripes 64
run history histories 600 --hosts 3 --sockets 3 --shards 1 --stripes 1
run history histories 800 --hosts 3 --sockets 5 --delay 0
run versions transactions 40000 --hosts 3 --sockets 3
run versions transactions 20000 --hosts 2 --sockets 6 --keys 1000 --stripes 64
run versions transactions 10000 --hosts 3 --sockets 3 --keys 8 --shards 1 --stripes 1
run versions transactions 20000 --hosts 3 --sockets 5 --keys 8 --stripes 4 --delay 0
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
