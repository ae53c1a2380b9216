#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A libxl without a function that the hooks need, and one of a release that is
# not known: plain use is not affected, a migration with disks fails before the
# guest is touched.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires python3 timeout

# refuses XL CAUSE
refuses()
{
    fake_xl=$abs_top_builddir/test/lib/$1
    message="xl-dedup: nothing is moved: $2; install one that is made for \
this xl, or migrate without --dedup"

    rm -f "$tmp"/*.log
    LD_PRELOAD=$hooks "$fake_xl" migrate-receive 2>"$tmp/err.log" ||
        fail "$1: plain: status $?"
    has libxl 'restore name=g1--incoming fds=0,1'
    lacks err 'xl-dedup'

    send '<go'
    has err "$message"
    has err 'fake-xl: suspend rc=-8'
    has helper EOF
    [ ! -s "$FAKE_LOG" ] || fail "$1: sending: libxl was called"

    receive '<go'
    has err "$message"
    has err 'fake-xl: restore rc=-3'
    has helper EOF
    [ ! -s "$FAKE_LOG" ] || fail "$1: receiving: libxl was called"
}

refuses fake-old-xl "xl's library has no libxl_domid_to_name"
refuses fake-unknown-xl "xl's library is libxenlight.so.4.99, and this \
xl-dedup knows those of Xen 4.17 to 4.22"
