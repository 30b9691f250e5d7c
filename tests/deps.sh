#!/bin/sh
# Installs the Debian packages that are missing. `deps.sh build`: what building needs; `deps.sh build test`: what the tests and
# benches need too; `deps.sh clients`: the clients of `make test-clients` (those from npm that target installs itself); `deps.sh
# lint`: what `make lint` and `make format` call. With nothing missing it does nothing, and needs neither root nor network.
set -eu

build="gcc libc6-dev make pkg-config binutils libuv1-dev liblz4-dev libmimalloc-dev libinih-dev"
test="g++ libcmocka-dev python3 python3-redis redis-server redis-tools libhiredis-dev liblmdb-dev libsqlite3-dev
      universal-ctags clang libclang-rt-dev strace spin valgrind lz4"
clients="libuv1-dev libhiredis-dev python3 python3-redis php-cli php-redis ruby-redis redis-server redis-tools
         chromium fonts-dejavu-core"
# Node.js may be here from elsewhere, with an npm that Debian's package would clash with.
command -v node >/dev/null || clients="$clients nodejs"
command -v npm >/dev/null || clients="$clients npm"

wanted=
for kind in "$@"; do
    case $kind in
        build) wanted="$wanted $build" ;;
        test) wanted="$wanted $test" ;;
        clients) wanted="$wanted $clients" ;;
        lint) wanted="$wanted clang clang-format clang-tidy" ;;
        *) echo "usage: $0 build|test|clients|lint ..." >&2; exit 2 ;;
    esac
done

if ! command -v dpkg-query >/dev/null; then
    echo "deps: not a Debian system; these are needed, by Debian's names:" $wanted >&2
    exit 0
fi
missing=
for package in $wanted; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null; then as_root=sudo
    else
        echo "deps: missing packages, and neither root nor sudo is at hand. As root: apt-get install$missing" >&2
        exit 1
    fi
fi
echo "deps: installing$missing"

# redis-server is here as a peer for the tests, which start their own: its package must not start a daemon on port 6379, now
# or at the next boot. A policy that is already there is not touched, nor is an installed redis-server.
policy=/usr/sbin/policy-rc.d
peer=
case " $missing " in *" redis-server "*) peer=yes ;; esac
if [ -n "$peer" ] && [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    $as_root chmod 755 $policy
    trap '$as_root rm -f $policy' EXIT
    trap 'exit 1' INT TERM HUP
fi

install() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing >"$log" 2>&1; }
log=$(mktemp)
if ! install; then
    # The lists may be old or absent, as in a container.
    if ! $as_root apt-get -qq update >>"$log" 2>&1 || ! install; then
        cat "$log" >&2
        rm -f "$log"
        echo "deps: apt-get could not install:$missing" >&2
        exit 1
    fi
fi
rm -f "$log"
if [ -n "$peer" ] && [ -d /run/systemd/system ]; then
    $as_root systemctl -q disable redis-server 2>/dev/null || true
fi
