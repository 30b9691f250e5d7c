#!/bin/sh
# Every command has a transcript: a file tests/transcripts/<name>.t, or a line `> NAME ...` in some transcript.
set -eu
cd "$(dirname "$0")/../.."

perl -0777 -ne '
BEGIN {
    local $/ = "\n";
    my @files = split /\n/, qx(find tests/transcripts -name "*.t");
    for my $file (@files) {
        $seen{lc $1} = 1 if $file =~ m{([^/]*)\.t$};
        open my $in, "<", $file or die "$file: $!\n";
        while (<$in>) {
            next unless /^(?:client \w+: |\w+)?> *(\S+)(?: +(\S+))?/;
            $seen{lc $1} = 1;
            $seen{lc "$1|$2"} = 1 if defined $2;
        }
    }
}
while (/^KORA_COMMAND\(\s*\w+,\s*\w+,\s*"([^"]+)"/gm) {
    $commands++;
    next if $seen{$1};
    my $line = 1 + (substr($_, 0, $-[0]) =~ tr/\n//);
    print "$ARGV:$line: no transcript has $1\n";
    $bad = 1;
}
print("$ARGV:1: no commands found\n"), $bad = 1 unless $commands;
END { exit($bad // 0) }' lib/cmd/commands.def
