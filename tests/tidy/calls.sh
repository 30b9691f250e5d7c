#!/bin/sh
# What a library inside somebody's program does not do: it allocates through base/mem.h alone, and does not print, exit, read the
# environment or touch signal handlers; and the files of a database are reached through the table of os/os.h alone. And what nobody
# calls: functions of C that can't be used safely.
set -eu
cd "$(dirname "$0")/../.."

perl tests/tidy/_code.pl $(find lib -name '*.[ch]') server/*.c | perl -ne '
BEGIN {
    # Names, the files that may call them, why others may not.
    @banned = map { [qr{(?<![\w.>])($_->[0])\s*\(}, $_->[1], $_->[2]] }
        ["strcpy|strcat|sprintf|vsprintf|gets|strtok|localtime|gmtime|ctime|asctime|rand|srand|alloca", qr{^$}, "not used here"],
        ["malloc|calloc|realloc|free|strdup|strndup|asprintf|vasprintf|posix_memalign|aligned_alloc|getline", qr{^lib/base/mem\.c$|^server/}, "memory comes from base/mem.h"],
        ["printf|vprintf|puts|putchar|fprintf|vfprintf|fputs|fputc|perror|syslog", qr{^lib/base/base\.c$|^server/}, "the library does not print"],
        ["exit|_exit|quick_exit|abort|system|popen|fork|execv|execve", qr{^lib/base/base\.c$|^server/}, "the library does not end or start processes"],
        ["signal|sigaction|sigprocmask|getenv|secure_getenv|setenv|setlocale|chdir|umask", qr{^server/}, "that is the program\x27s, not the library\x27s"],
        # Files. Exempt: the program\x27s own ini, which CONFIG REWRITE replaces; figures in /proc; the file of a unix socket; memory.
        ["creat|fdatasync|sync_file_range|fallocate|posix_fallocate|ftruncate|truncate|pread|preadv|pwrite|pwritev|renameat|unlinkat|mkdir|rmdir|opendir|readdir|flock|lockf|statfs|fstatfs|msync",
         qr{^lib/os/|^server/}, "files are reached through os/os.h"],
        ["open|openat|fsync|rename", qr{^lib/os/|^lib/cmd/config\.c$|^server/}, "files are reached through os/os.h"],
        ["unlink|remove", qr{^lib/os/|^lib/cmd/config\.c$|^lib/net/listen\.c$|^server/}, "files are reached through os/os.h"],
        ["fopen|freopen", qr{^lib/cmd/info\.c$|^lib/http/facts\.c$|^server/}, "files are reached through os/os.h"],
        ["mmap|munmap|mremap", qr{^lib/os/|^lib/base/mem\.c$}, "mappings are made by os/os.h and base/mem.h"];
}
my ($file, $line, $code) = /^([^:]*):(\d+):(.*)/ or next;
next if $code !~ /\(/ || $code =~ /^\s*#\s*include/;
for my $b (@banned) {
    next if $file =~ $b->[1];
    while ($code =~ /$b->[0]/g) {
        print "$file:$line: $1(): $b->[2]\n";
        $bad = 1;
    }
}
END { exit($bad // 0) }'
