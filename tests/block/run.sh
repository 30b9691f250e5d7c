#!/bin/sh
# Calls that wait for keys (block.c). KORA_TEST_LONG=1: many seeds and a longer storm. Last line: `N passed, N failed`.
# The program is KORA_BUILD/check/block/block (make check-programs). Arguments are ignored.
set -u
cd "$(dirname "$0")/../.." || exit 1
program=${KORA_BUILD:-build}/check/block/block
seed=$(date +%s)
rounds=1 seconds=4
[ "${KORA_TEST_LONG:-0}" = 0 ] || { rounds=10; seconds=20; }
passed=0 failed=0
while [ "$rounds" -gt 0 ]; do
    out=$("$program" --seed "$seed" --seconds "$seconds" 2>&1)
    status=$?
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
    seed=$((seed + 1)) rounds=$((rounds - 1))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
