#!/bin/bash
# The README's command table, made from lib/cmd/commands.def. Without arguments: is README.md in step? --print: the table.
# --write: puts it into README.md, between the lines <!-- commands --> and <!-- /commands -->.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/table.c" <<'END'
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static char last[64];

static void text(const char *s, int upper) {
    for (; *s; s++) {
        if (*s == '|' && !upper) fputs("\\|", stdout);
        else putchar(*s == '|' ? ' ' : upper ? toupper((unsigned char)*s) : *s);
    }
}

static void row(const char *group, const char *name, const char *route, const char *deprecated, const char *synopsis, const char *summary) {
    if (strcmp(group, last) != 0) printf("| **%s** | |\n", group);
    snprintf(last, sizeof last, "%s", group);
    fputs("| `", stdout);
    text(name, 1);
    if (*synopsis) putchar(' ');
    text(synopsis, 0);
    fputs("` | ", stdout);
    text(summary, 0);
    if (strcmp(route, "ROUTE_SCATTER") == 0 || strcmp(route, "ROUTE_WALK") == 0) fputs(" *Scattered.*", stdout);
    if (*deprecated) {
        const char *instead = strstr(deprecated, "; ");
        fputs(" Old; ", stdout);
        text(instead ? instead + 2 : deprecated, 0);
        putchar('.');
    }
    fputs(" |\n", stdout);
}

int main(void) {
    puts("| command | what it does |\n|---|---|");
#define KORA_COMMAND(symbol, parent, name, arity, flags, first, last_key, step, key_flags, route, merge, acl, tips, handler, since, group, \
    complexity, deprecated, synopsis, summary) if (*synopsis || !strstr(#flags, "CMD_HIDDEN")) row(group, name, #route, deprecated, synopsis, summary);
#define KORA_CONTAINER(...)
#include "cmd/commands.def"
    return 0;
}
END
gcc -std=c11 -Ilib "$work/table.c" -o "$work/table" || { echo "lib/cmd/commands.def:1: can't be read as a table"; exit 1; }
"$work/table" >"$work/new"

# print_readme: README.md with the new table between the marks.
print_readme() {
    awk -v table="$work/new" '
    $0 == "<!-- commands -->" { print; while ((getline line < table) > 0) print line; inside = 1; next }
    $0 == "<!-- /commands -->" { inside = 0 }
    !inside' README.md
}
case ${1-} in
    --print) cat "$work/new" ;;
    --write) print_readme >"$work/readme"; cat "$work/readme" >README.md ;;
    *)
        if ! grep -qx '<!-- commands -->' README.md || ! grep -qx '<!-- /commands -->' README.md; then
            echo "README.md:1: no lines <!-- commands --> and <!-- /commands -->"
            exit 1
        fi
        print_readme | diff -u --label README.md --label "lib/cmd/commands.def says" README.md - || {
            echo "README.md:$(grep -nx '<!-- commands -->' README.md | cut -d: -f1): the command table is out of step: run tests/tidy/command_table.sh --write"
            exit 1
        } ;;
esac
