#!/bin/bash
# What a user of the installed library sees: `make install` into a temporary prefix, then everything through pkg-config:
# the header in each dialect, the examples with both libraries, a program whose names are those of Kora's inside, korad,
# and an uninstall that leaves nothing.
set -u
cd "$(dirname "$0")/.."
build=${KORA_BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
passed=0 failed=0
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig

# check NAME COMMAND ...: one test; what the command wrote is shown if it fails.
check() {
    local name=$1
    shift
    if "$@" >"$work/out" 2>&1; then passed=$((passed + 1)); echo "ok   $name"
    else failed=$((failed + 1)); echo "FAIL $name"; sed 's/^/    /' "$work/out"; fi
}
install_to() { make -s --no-print-directory BUILD="$build" PREFIX="$prefix" "$@"; }

if ! install_to install >"$work/out" 2>&1; then
    cat "$work/out"
    echo "0 passed, 1 failed"
    exit 1
fi

# ---- the files ----
check "soname and links" test "$(readlink "$prefix/lib/libkora.so")/$(readlink "$prefix/lib/libkora.so.0")" = \
    "libkora.so.0/libkora.so.$(pkg-config --modversion kora)"
check "kora.pc has the header's version" grep -q "define KORA_VERSION \"$(pkg-config --modversion kora)\"" "$prefix/include/kora.h"
check "the unit starts what was installed" grep -q "^ExecStart=$prefix/bin/korad $prefix/etc/korad.ini$" "$prefix/lib/systemd/system/korad.service"
check "man page" grep -q '^.TH KORAD 8' "$prefix/share/man/man8/korad.8"
staged() {
    install_to DESTDIR="$work/stage" PREFIX=/usr LIBDIR=/usr/lib/some-triplet SYSCONFDIR=/etc install &&
        [ -e "$work/stage/usr/lib/some-triplet/libkora.so" ] && [ -e "$work/stage/etc/korad.ini" ] &&
        grep -q '^libdir=/usr/lib/some-triplet$' "$work/stage/usr/lib/some-triplet/pkgconfig/kora.pc" &&
        ! grep -rqI "$work" "$work/stage/usr/lib/some-triplet/pkgconfig" &&
        install_to DESTDIR="$work/stage" PREFIX=/usr LIBDIR=/usr/lib/some-triplet SYSCONFDIR=/etc uninstall &&
        [ -z "$(find "$work/stage" ! -type d)" ]
}
check "DESTDIR, LIBDIR, SYSCONFDIR" staged
keeps_config() {
    echo "# mine" >>"$prefix/etc/korad.ini"
    install_to install && grep -q '^# mine' "$prefix/etc/korad.ini"
}
check "a second install keeps korad.ini" keeps_config

# ---- the header ----
printf '#include <kora.h>\nint main(void) { kora_options o = KORA_OPTIONS_INIT; kora_stats s = KORA_STATS_INIT; kora_set_options t = KORA_SET_OPTIONS_INIT;\n    return o.size + s.size + t.size == 0; }\n' >"$work/header.c"
cp "$work/header.c" "$work/header.cpp"
warnings="-Wall -Wextra -Wpedantic -Werror"
for dialect in c99 c11 gnu17; do
    for cc in gcc clang; do
        check "header: $cc $dialect" $cc -std=$dialect $warnings -fsyntax-only $(pkg-config --cflags kora) "$work/header.c"
    done
done
for dialect in c++98 c++11 c++17 c++20; do
    for cxx in g++ clang++; do
        check "header: $cxx $dialect" $cxx -std=$dialect $warnings -fsyntax-only $(pkg-config --cflags kora) "$work/header.cpp"
    done
done

# ---- the examples, with both libraries ----
shared="$(pkg-config --cflags --libs kora) -lpthread -Wl,-rpath,$prefix/lib"
static="$(pkg-config --cflags --static --libs kora | sed 's/-lkora/-l:libkora.a/')"
needs() { readelf -d "$1" | grep -q 'NEEDED.*libkora\.so\.0'; }
for source in examples/*.c examples/*.cpp; do
    name=$(basename "${source%.*}")
    case $source in *.cpp) compiler="g++ -std=c++17" ;; *) compiler="gcc -std=gnu11" ;; esac
    cp "$source" "$work/" # away from the tree: only what is installed is found
    for kind in shared static; do
        check "$name, $kind: builds" $compiler $warnings -O1 -o "$work/$name-$kind" "$work/$(basename "$source")" ${!kind}
        check "$name, $kind: runs" timeout 20 "$work/$name-$kind" </dev/null
        if [ $kind = shared ]; then check "$name links libkora.so.0" needs "$work/$name-$kind"
        else check "$name does not link libkora.so" eval "[ -x '$work/$name-static' ] && ! needs '$work/$name-static'"; fi
    done
done

# ---- what linking does to the program ----
cat >"$work/clash.c" <<'END'
#include <kora.h>
#include <stdio.h>
#include <string.h>
/* Names that a library of this kind is likely to have inside: here they are the program's. */
#define OWN(name) int name(int n); int name(int n) { calls++; return n + 1; }
static int calls;
OWN(dict_find) OWN(list_push) OWN(log_info) OWN(table_find) OWN(slab_alloc) OWN(lease_try) OWN(call_run) OWN(buf_append) OWN(mem_alloc)
OWN(mem_free) OWN(hash_bytes) OWN(table_insert) OWN(engine_open) OWN(stripe_run) OWN(command_find) OWN(glob_match) OWN(num_parse_int)
int main(void) {
    kora *db;
    char text[8];
    size_t len = 0;
    if (kora_open(NULL, NULL, &db) != KORA_OK) return 1;
    if (kora_set(db, "k", 1, "value", 5, NULL) != KORA_OK || kora_get_into(db, "k", 1, text, sizeof text, &len) != KORA_OK) return 2;
    if (len != 5 || memcmp(text, "value", 5) != 0 || calls != 0) return 3;
    if (dict_find(1) + list_push(1) + log_info(1) + table_find(1) + slab_alloc(1) != 10 || calls != 5) return 4;
    return kora_close(db);
}
END
for kind in static shared; do
    check "names of its own, $kind: builds" gcc $warnings -rdynamic -o "$work/clash-$kind" "$work/clash.c" ${!kind}
    check "names of its own, $kind: runs" "$work/clash-$kind"
done
cat >"$work/malloc.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <kora.h>
#include <stdio.h>
#include <string.h>
int main(void) {
    Dl_info from;
    void *p = dlsym(RTLD_DEFAULT, "malloc");
    if (!p || !dladdr(p, &from)) return 2;
    printf("%s: malloc comes from %s\n", kora_version(), from.dli_fname);
    return strstr(from.dli_fname, "libc.so") ? 0 : 1;
}
END
check "libkora.so: builds with it" gcc $warnings -o "$work/malloc" "$work/malloc.c" $shared
check "libkora.so leaves the program's malloc alone" "$work/malloc"

# ---- korad ----
check "korad --version" eval '[ "$("$prefix/bin/korad" --version)" = "korad $(pkg-config --modversion kora)" ]'
check "the installed korad.ini is good" "$prefix/bin/korad" "$prefix/etc/korad.ini" --check-config

check "uninstall" install_to uninstall
check "uninstall leaves nothing" eval '[ -z "$(find "$prefix" ! -type d)" ]'

echo "$passed passed, $failed failed"
[ $failed = 0 ]
