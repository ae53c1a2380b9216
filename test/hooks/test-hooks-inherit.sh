#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Children of xl get neither the preload nor the variables nor, after the
# helper has been started, the channel; what the user preloads stays.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires python3 timeout env ls

cp "$hooks" "$tmp/user.so"      # a module that does nothing when not asked
FAKE_CHILD="{ env; ls -l /proc/self/fd; } >>'$tmp/children'"
export FAKE_CHILD
LD_PRELOAD=$tmp/user.so send '<go list <go suspend <suspended done <never'
[ $status = 0 ] || fail "status $status"
lacks helper 'inherited XL'
has helper 'inherited LD_PRELOAD'       # the user's
has helper EOF
[ "$(grep -c '^LD_PRELOAD=' "$tmp/children")" = 2 ] || fail "preload is gone"
[ "$(grep -cx "LD_PRELOAD=$tmp/user.so" "$tmp/children")" = 2 ] ||
    fail "preload is not the user's"
! grep -q '^XL_DEDUP_.*FD=' "$tmp/children" || fail "variables are inherited"

: >"$tmp/children"
send '<go list <go suspend <suspended done'
[ $status = 0 ] || fail "status $status"
! grep -q '^LD_PRELOAD=' "$tmp/children" || fail "an empty preload is left"
lacks helper inherited
# before the hooked call the helper's end is there, after it nothing
awk '/^total/ { n++ } /socket:/ { seen[n]++ }
     END { exit !(n == 2 && seen[1] == 1 && !seen[2]) }' "$tmp/children" ||
    fail "the channel is inherited: $(cat "$tmp/children")"

: >"$tmp/children"
receive '<go restore <restored'
[ $status = 0 ] || fail "status $status"
! grep -Eq '^LD_PRELOAD=|^XL_DEDUP_.*FD=|socket:' "$tmp/children" ||
    fail "the receiver's children inherit"
