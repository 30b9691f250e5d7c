#!/bin/sh
# The differential suite: the tools' own tests, then random commands to korad and to redis-server. Last line: `N passed, N failed`.
# KORA_TEST_LONG=1: a million commands, and 300,000 steps between connections. Arguments are passed on to diff.py, --korad also to serving.py.
set -u
here=$(cd "$(dirname "$0")" && pwd)
commands=100000 steps=6000
[ "${KORA_TEST_LONG:-0}" = 0 ] || commands=1000000 steps=300000
korad= word=
for a in "$@"; do
    [ "$word" != --korad ] || korad=$a
    case $a in --korad=*) korad=${a#--korad=} ;; esac
    word=$a
done
if ! command -v redis-server >/dev/null; then
    echo "redis-server is not installed"
    echo "0 passed, 1 failed"
    exit 1
fi
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT INT TERM
passed=0 failed=0
add_up() {
    cat "$out"
    last=$(tail -n 1 "$out")
    case $last in
    *" passed, "*" failed") passed=$((passed + ${last%% *})) failed=$((failed + $(echo "$last" | sed 's/.* passed, \(.*\) failed/\1/'))) ;;
    *) failed=$((failed + 1)) ;;
    esac
}
"$here/diff.py" --self-test >"$out" 2>&1
add_up
"$here/diff.py" --commands $commands "$@" >"$out" 2>&1
add_up
"$here/serving.py" --self-test >"$out" 2>&1
add_up
"$here/serving.py" ${korad:+--korad "$korad"} --steps $steps >"$out" 2>&1
add_up
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
