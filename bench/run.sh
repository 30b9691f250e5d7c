#!/bin/sh
# What `make bench` runs: the short form of every benchmark, Kora beside its peers, ratios with their targets.
#   BUILD=build bench/run.sh [name ...]     names: inproc hot server durable kept memory idle insert churn values feed cap; all without any
# Something that is missing or breaks ends it with status 1; a missed target is printed, and counted in the last line.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
out=$dir/out
export PYTHONUNBUFFERED=1
missed=0

for program in korad bench/load bench/inproc bench/kept bench/hot bench/memory bench/idle bench/insert bench/churn bench/subscribers; do
    [ -x "$build/$program" ] || { echo "bench: $build/$program is missing: run \`make bench\`" >&2; exit 1; }
done

# Runs a benchmark; `gates` says that its status 1 may just be a missed target.
part() {
    gates=$1
    shift
    echo
    echo "== $*"
    { "$@" 2>&1; echo $? > "$out.status"; } | tee "$out"
    status=$(cat "$out.status")
    here=$(grep -c MISSED "$out")
    missed=$((missed + here))
    if [ "$status" -ne 0 ] && ! { [ "$gates" = gates ] && [ "$status" -eq 1 ] && [ "$here" -gt 0 ]; }; then
        echo "bench: status $status" >&2
        exit 1
    fi
}

for name in ${*:-inproc hot server durable kept memory idle insert churn values feed cap}; do
    case $name in
    inproc) part plain "$build/bench/inproc" ;;
    hot) part plain "$build/bench/hot" --rounds 5 --seconds 0.5 ;;
    server) part plain bench/server.py --build "$build" --seconds 1.5 ;;
    durable) part plain bench/durable.py --build "$build" --pairs 5 --seconds 1.5 ;;
    kept) part plain "$build/bench/kept" "$dir/kept" && rm -rf "$dir/kept" ;;
    memory) part plain bench/memory.py --build "$build" ;;
    idle) part gates bench/idle.py --build "$build" ;;
    insert) part plain "$build/bench/insert" --keys 5000000 ;;
    values) part plain bench/values.py --build "$build" --pairs 3 ;;
    feed) part plain bench/feed.py --build "$build" --pairs 3 ;;
    cap) part gates bench/cap.py --build "$build" --requests 150000 ;;
    churn) part gates "$build/bench/churn" --seconds 60 ;;
    *) echo "bench: unknown: $name; there are inproc hot server durable kept memory idle insert churn values feed cap" >&2; exit 1 ;;
    esac
done
echo
echo "bench: $missed targets missed"
