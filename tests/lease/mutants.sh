#!/bin/sh
# Takes each re-check of the lease protocol out of the code, one after the other, and expects test_lease to fail every time: a round that
# never ends. A mutant that survives is a failure of the test. Needs the objects of `make check-programs`.
cd "$(dirname "$0")/../.." || exit 1
build=${KORA_BUILD:-build}
out=$build/check/lease
mkdir -p "$out"
flags=$(cat "$build/check/flags")
libs=$(tr ' ' '\n' <"$build/check/flags" | grep '^-l')
passed=0 failed=0
for n in 1 2 3 4 5; do
    # shellcheck disable=SC2086 # the flags are words
    $flags -DLEASE_MUTANT=$n -o "$out/mutant$n" tests/lease/test_lease.c lib/engine/lease.c lib/engine/task.c lib/engine/shard.c \
        "$build/check/lib.a" -lcmocka $libs -lm || exit 1
    if KORA_TEST_STUCK_S=4 timeout 120 "$out/mutant$n" >"$out/mutant$n.log" 2>&1; then
        echo "re-check $n taken out, and nothing was noticed"
        failed=$((failed + 1))
    elif grep -q 'wait for ever' "$out/mutant$n.log"; then
        passed=$((passed + 1))
    else
        echo "re-check $n taken out: failed for another reason"
        tail -3 "$out/mutant$n.log"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
