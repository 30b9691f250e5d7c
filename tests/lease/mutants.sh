#!/bin/sh
# Takes each re-check of the lease protocol out of the code, one after the other, and expects a test to fail every time: test_lease with a round
# that never ends (1 to 5), the histories with one that no order explains (6, 7), test_api_many (8 to 10). A mutant that survives is a failure of
# the test. Needs the objects of `make check-programs`.
cd "$(dirname "$0")/../.." || exit 1
build=${KORA_BUILD:-build}
out=$build/check/lease
mkdir -p "$out"
flags=$(cat "$build/check/flags")
libs=$(tr ' ' '\n' <"$build/check/flags" | grep '^-l')
engine="lib/engine/lease.c lib/engine/task.c lib/engine/shard.c"
passed=0 failed=0
# mutant NUMBER 'SOURCES' 'ARGUMENTS' 'WHAT A FAILURE SAYS'
mutant() {
    # shellcheck disable=SC2086 # these are words
    $flags -Itests -DLEASE_MUTANT="$1" -o "$out/mutant$1" $2 $engine lib/api/many.c lib/api/key.c "$build/check/lib.a" -lcmocka $libs -lm || exit 1
    # shellcheck disable=SC2086
    if KORA_TEST_STUCK_S=4 timeout 120 "$out/mutant$1" $3 >"$out/mutant$1.log" 2>&1; then
        echo "re-check $1 taken out, and nothing was noticed"
        failed=$((failed + 1))
    elif grep -q "$4" "$out/mutant$1.log"; then
        passed=$((passed + 1))
    else
        echo "re-check $1 taken out: failed for another reason"
        tail -3 "$out/mutant$1.log"
        failed=$((failed + 1))
    fi
}
for n in 1 2 3 4 5; do mutant $n tests/lease/test_lease.c '' 'wait for ever'; done
for n in 6 7; do mutant $n tests/history/history.c '--histories 8000 --hosts 3 --sockets 3 --seed 1' '[1-9][0-9]* violations'; done
mutant 8 tests/unit/test_api_many.c '' 'FAILED.*test_many_time'
for n in 9 10; do mutant $n tests/unit/test_api_many.c '' 'FAILED.*test_many_order'; done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
