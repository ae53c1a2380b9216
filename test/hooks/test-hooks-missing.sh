#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A libxl without a function that the hooks need: plain use is not affected,
# a migration with disks fails before the guest is touched.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires python3 timeout
fake_xl=$abs_top_builddir/test/lib/fake-old-xl
message="xl-dedup: this xl's libxl has no libxl_domid_to_name: \
cannot migrate with disks"

LD_PRELOAD=$hooks "$fake_xl" migrate-receive 2>"$tmp/err.log" ||
    fail "plain: status $?"
has libxl 'restore name=g1--incoming fds=0,1'
lacks err 'xl-dedup'

send '<go'
has err "$message"
has err 'fake-xl: suspend rc=-8'
has helper EOF
[ ! -s "$FAKE_LOG" ] || fail "sending: libxl was called"

receive '<go'
has err "$message"
has err 'fake-xl: restore rc=-3'
has helper EOF
[ ! -s "$FAKE_LOG" ] || fail "receiving: libxl was called"
