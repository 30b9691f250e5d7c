#!/bin/sh
# Histories on databases of several shapes. KORA_TEST_LONG=1: more than a million operations. Last line: `N passed, N failed`.
# The program is KORA_BUILD/check/history/history (make check-programs). Arguments are ignored.
set -u
cd "$(dirname "$0")/../.." || exit 1
program=${KORA_BUILD:-build}/check/history/history
seed=$(date +%s)
times=1
[ "${KORA_TEST_LONG:-0}" = 0 ] || times=15
passed=0 failed=0
run() {
    histories=$(($1 * times))
    shift
    out=$("$program" --histories "$histories" --seed "$seed" "$@" 2>&1)
    status=$?
    echo "history $*"
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
run 3000 --hosts 3 --sockets 3
run 800 --hosts 2 --sockets 6 --stripes 64
run 600 --hosts 3 --sockets 3 --shards 1 --stripes 1
run 800 --hosts 3 --sockets 5 --delay 0
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
