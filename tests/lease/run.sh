#!/bin/sh
# Checks the model of the lease protocol with Spin, and then that Spin finds what is wrong with each mutant of it.
# Last line: `N passed, N failed`. KORA_TEST_LONG=1: bigger configurations too (some minutes). Arguments are ignored.
# Without spin nothing can be said: that is a failure.
set -u
here=$(cd "$(dirname "$0")" && pwd)
CC=${CC:-gcc}
jobs=$(nproc 2>/dev/null || echo 1)

# Runs one line of the list: kind, configuration, stripes, mutant or -. Prints one line: `ok ...` or `FAILED ...`.
if [ "${1:-}" = --one ]; then
    kind=$2 config=$3 stripes=$4 mutant=$5
    dir=$(mktemp -d "$6/XXXXXX") && cd "$dir" || exit 1
    flags="-DCONFIG=$config -DSTRIPES=$stripes"
    [ "$mutant" = - ] || flags="$flags -D$mutant"
    case $kind in
    ends) search="-DNP" run="-l -f" ;;     # no non-progress cycles, under weak fairness
    *) search="-DSAFETY" run="" ;;
    esac
    optimize=-O2
    [ "$mutant" = - ] || optimize=-O0
    # shellcheck disable=SC2086
    if ! spin $flags -a "$here/lease.pml" >log 2>&1 || ! $CC $optimize -w -std=gnu11 $search -DCOLLAPSE -DMEMLIM=3500 -o pan pan.c >>log 2>&1; then
        echo "FAILED $kind, configuration $config, $mutant: $(tail -3 log)"
    else
        # shellcheck disable=SC2086
        ./pan $run -n -m2000000 >log 2>&1
        states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' log)
        error=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' log | head -1)
        if ! grep -q '^State-vector' log || grep -Eq 'max search depth too small|out of memory|memory limit|aborting' log; then
            echo "FAILED $kind, configuration $config, $mutant: the search was not finished: $(grep -E 'error|memory|aborting' log | head -2)"
        elif [ "$mutant" = - ] && [ -z "$error" ] && grep -q 'errors: 0' log; then
            echo "ok $kind, configuration $config: $states states, no error"
        elif [ "$mutant" != - ] && [ -n "$error" ]; then
            echo "ok $kind, configuration $config, $mutant: found ($error)"
        else
            echo "FAILED $kind, configuration $config, $mutant: ${error:-no error found}"
        fi
    fi
    rm -rf "$dir"
    exit 0
fi

command -v spin >/dev/null || { echo "spin is not installed"; echo "0 passed, 1 failed"; exit 1; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT INT TERM

{
    cat <<LIST
safe 1 1 -
safe 4 2 -
safe 8 2 -
safe 2 2 -
safe 3 2 -
safe 5 3 -
safe 6 1 -
safe 7 2 -
safe 9 1 -
ends 2 2 -
ends 3 2 -
ends 9 1 -
safe 1 1 NO_LOOK_AFTER_PUSH
safe 1 1 LOOKS_BEFORE_PUSH
safe 1 1 NO_LOOK_AFTER_RELEASE
safe 1 1 LOOKS_TOO_EARLY
safe 1 1 NO_FUTEX_WAKE
safe 6 1 NO_FUTEX_COMPARE
safe 6 1 FORGETS_SLEEPERS
safe 3 2 NO_BATON
safe 3 2 NO_HANDOVER
safe 3 2 HANDS_OVER_AND_FREES
safe 2 2 OUT_OF_ORDER
ends 3 2 HANDS_TO_HOLDERS_ONLY
safe 8 2 NO_LOOK_AT_CLOSED
safe 8 2 NO_RECORDS_AT_CLOSE
safe 9 1 NO_LOOK_BEFORE_SLEEP
safe 9 1 NO_INBOX_WAKE
LIST
    if [ -n "${KORA_TEST_LONG:-}" ] && [ "$KORA_TEST_LONG" != 0 ]; then
        cat <<LIST
safe 10 2 -
safe 11 2 -
safe 12 2 -
safe 13 1 -
ends 5 3 -
ends 4 2 -
ends 7 2 -
LIST
    fi
} | xargs -P "$jobs" -L 1 sh -c '"$0" --one "$2" "$3" "$4" "$5" "$1"' "$0" "$tmp" | tee "$tmp/results"

passed=$(grep -c '^ok ' "$tmp/results")
failed=$(grep -c '^FAILED ' "$tmp/results")
[ $((passed + failed)) -ge 28 ] || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
