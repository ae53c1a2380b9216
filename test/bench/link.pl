#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# link.pl ADDRESS PORT: carries standard input and output over a TCP connection,
# in place of ssh.  Ends with what comes from there, as ssh does.  Perl, because
# it starts in a few milliseconds.
use strict;
use warnings;
use Socket qw(:DEFAULT IPPROTO_TCP TCP_NODELAY);

# Carries until there is no more.
sub carry {
    my ($from, $to) = @_;
    my ($data, $at, $n);

    while (sysread($from, $data, 65536)) {
        for ($at = 0; $at < length($data); $at += $n) {
            $n = syswrite($to, $data, length($data) - $at, $at);
            exit(1) unless defined($n);
        }
    }
}

socket(my $peer, PF_INET, SOCK_STREAM, 0) or die("socket: $!\n");
connect($peer, pack_sockaddr_in($ARGV[1], inet_aton($ARGV[0])))
    or die("connect: $!\n");
setsockopt($peer, IPPROTO_TCP, TCP_NODELAY, 1);     # as ssh
my $child = fork();
defined($child) or die("fork: $!\n");
if ($child == 0) {
    carry(\*STDIN, $peer);
    shutdown($peer, 1);
    exit(0);
}
carry($peer, \*STDOUT);
kill('TERM', $child);
