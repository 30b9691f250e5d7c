#!/bin/sh
# Takes each step of the log's protocol that guards against a race out of the code (lib/store/staging.h), one after the other, and expects the threads of test_log
# to notice: a wait that never ends, or a block that is no cut. A mutant that survives is a failure of the test. Needs the objects of `make check-programs`.
cd "$(dirname "$0")/../.." || exit 1
build=${KORA_BUILD:-build}
out=$build/check/log
mkdir -p "$out"
flags=$(cat "$build/check/flags")
libs=$(tr ' ' '\n' <"$build/check/flags" | grep '^-l')
passed=0 failed=0
for n in 1 2 3 4 5 6 7; do
    # shellcheck disable=SC2086 # these are words
    $flags -Itests -DLOG_MUTANT=$n -o "$out/mutant$n" tests/unit/test_log.c lib/store/log.c lib/store/staging.c "$build/check/lib.a" -lcmocka $libs -lm || exit 1
    noticed=
    tests=test_threads
    [ "$n" = 7 ] && tests=test_round_within_append # a window of an instruction: threads would need hours
    for _ in 1 2 3; do
        KORA_TEST_STUCK_S=4 timeout 60 "$out/mutant$n" $tests >"$out/mutant$n.log" 2>&1 && continue
        [ $? = 124 ] && echo "it waits for ever" >>"$out/mutant$n.log" # log_flush does
        noticed=1
        break
    done
    if [ -n "$noticed" ] && grep -Eq 'waits for ever|FAILED' "$out/mutant$n.log"; then
        passed=$((passed + 1))
    else
        echo "step $n taken out, and nothing was noticed"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
