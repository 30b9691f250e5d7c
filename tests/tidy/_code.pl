#!/usr/bin/perl
# Prints the given C files as `file:line:code`, with comments dropped and the text of strings blanked (but not that of #include):
# what the scripts here search.
use strict;
use warnings;
for my $file (@ARGV) {
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    my $text = <$in>;
    close $in;
    # One pass over whole tokens, so that a quote within a comment, or the other way round, is not mistaken for one.
    $text =~ s{(/\*.*?\*/|//[^\n]*)|(\#[ ]*include[^\n]*)|("(?:\\.|[^"\\\n])*")|('(?:\\.|[^'\\\n])*')}
              {my ($comment, $include) = ($1, $2); defined $comment ? $comment =~ s/[^\n]//gr : defined $include ? $include =~ s{\s*//.*}{}r : defined $3 ? '""' : "' '"}gesx;
    my $line = 0;
    print "$file:" . ++$line . ":$_\n" for split /\n/, $text, -1;
}
