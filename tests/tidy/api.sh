#!/bin/sh
# kora.h: every function is documented, one that returns a status with its Errors; names are kora_* and KORA_*.
set -eu
cd "$(dirname "$0")/../.."

perl -0777 -ne '
sub line { return 1 + (substr($_, 0, $_[0]) =~ tr/\n//) }
my ($comment, $count) = ("", 0);
while (m{(/\*.*?\*/)|^KORA_API\s+([^;(]*?)(\w+)\s*\(([^;]*)\);(?:[ ]*(/\*[^\n]*\*/))?|^(?:typedef|\#define|enum|struct)\s[^\n]*}gms) {
    my $at = $-[0];
    if (defined $1) {
        my $text = $1;
        # "The same ..." goes on where the comment before it ended.
        $comment = $text =~ m{^/\*\s*\*?\s*The same} ? "$comment $text" : $text;
    } elsif (defined $3) {
        my ($type, $name, $own) = ($2, $3, $5 // "");
        $count++;
        my $where = "include/kora.h:" . line($at);
        $bad = 1, print "$where: $name does not begin with kora_\n" if $name !~ /^kora_/;
        $bad = 1, print "$where: $name has no comment\n" if "$comment$own" eq "" && $type !~ /^void/;
        $bad = 1, print "$where: $name returns a status, and its comment does not tell its Errors\n" if $type =~ /^int\s*$/ && "$comment $own" !~ /Errors/;
    } else {
        $comment = "";
    }
}
my $text = s{/\*.*?\*/}{}gsr;
while ($text =~ /^\#define\s+(\w+)/gm) {
    $bad = 1, print "include/kora.h: macro $1 does not begin with KORA_\n" if $1 !~ /^KORA_/;
}
$bad = 1, print "include/kora.h:1: no functions found\n" unless $count;
exit($bad // 0);
' include/kora.h
