#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Ctrl-C, phase by phase: what happens to the guest.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires python3 timeout

# while the guest runs: xl dies, libxl was never called
send '<go int sleep <never'
[ $status -gt 128 ] || fail "first phase: status $status"
[ ! -s "$FAKE_LOG" ] || fail "first phase: libxl was called"
tries=50    # the helper outlives xl
while ! grep -qx EOF "$HELPER_LOG" && [ $((tries -= 1)) -gt 0 ]; do
    sleep 0.2
done
has helper EOF

# while libxl suspends: the helper learns of it, the stream breaks, resume
FAKE_STREAM=1 FAKE_SUSPEND_MS=2000 send '<go list <go suspend sleep int <never closein'
[ $status = 1 ] || fail "suspending: status $status"
has helper EOF
has err 'fake-xl: suspend rc=-3'
has libxl 'resume domid=7'

# while suspended: resume, though libxl was content
send '<go list <go suspend <suspended int <never'
[ $status = 1 ] || fail "suspended: status $status"
has helper EOF
has err 'xl-dedup: interrupted'
has err 'fake-xl: suspend rc=-3'
has libxl 'resume domid=7'

# afterwards xl ends by itself, for it may still have to resume the guest
# shellcheck disable=SC2016
FAKE_CHILD='[ -s "$HELPER_LOG.once" ] && kill -TERM $PPID
            echo x >>"$HELPER_LOG.once"'
export FAKE_CHILD
send '<go list <go suspend <suspended done'
[ $status = 0 ] || fail "done: status $status"
has helper 'suspended|rc=0'
lacks libxl resume

# one that was ignored stays so (timeout(1) would undo it further out)
rm "$HELPER_LOG.once"
unset FAKE_CHILD
before_xl="trap '' INT"
send '<go list <go suspend <suspended int sleep done'
[ $status = 0 ] || fail "ignored: status $status"
lacks libxl resume
