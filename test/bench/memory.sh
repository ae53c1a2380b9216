#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Whether the codec of the memory stream keeps up with a link: what a guest's
# memory takes over a link of a given rate, as it is and with --dedup=memory.
#
#   memory.sh STREAM
#
# STREAM is what `xl save` writes, without its first header, from "LibxlFmt"
# on; grow-stream.py makes a larger one of a small one.  Both helpers
# run as in a migration, with a fake xl at either side; stock xl is played by
# the same stream sent through the same link and read at the other side, with
# nothing else in its time.  What a migration takes without any memory to speak
# of is told as well: it is in the time of the last row.  Environment:
#   BUILD   directory of the build (.)
#   RATES   Mbit/s ("1000")
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
abs_top_srcdir=$(cd "$here/../.." && pwd)
abs_top_builddir=$(cd "${BUILD:-.}" && pwd)
stream=$(realpath "$1")
. "$abs_top_srcdir/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
migration_setup
link_command=$tmp/target.sh
. "$here/link.sh"
cleanup_fn link_down
bytes=$(stat -c %s "$stream")

# As ssh: HOST COMMAND...
cat >"$tmp/bin/ssh" <<END
#!/bin/bash
shift
printf '%q ' env PATH="$PATH" XL_DEDUP_CONFIG=$tmp/b.conf XL_DEDUP_XL=$XL_DEDUP_XL \
    XL_DEDUP_HOOKS=$XL_DEDUP_HOOKS FAKE_STREAM="\$FAKE_STREAM" "\$@" \
    >$tmp/target.sh
exec $link_client
END

now() { date +%s%N; }
row() { printf '| %s | %s | %s | %s |\n' "$@"; }
seconds() { awk -v t="$1" 'BEGIN { printf "%.2f", t / 1e9 }'; }
megabytes() { awk -v n="$1" 'BEGIN { printf "%.2f", n / 1e6 }'; }

stock()
{
    local start

    echo "head -c $bytes >/dev/null; echo done" >"$tmp/target.sh"
    start=$(now)
    [ "$($link_client <"$stream")" = done ] || fail "stock"
    row "$rate" stock "$(megabytes "$bytes")" $(seconds $(($(now) - start)))
}

dedup()         # NAME STREAM
{
    local start

    start=$(now)
    FAKE_STREAM=$2 migrate --dedup=memory
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$1"; }
    row "$rate" "$1" "$(awk '$1 == "memory" { getline; print $(NF - 1) }' \
        "$tmp/err")" $(seconds $(($(now) - start)))
    helpers_gone
}

echo '| Mbit/s | | MB there | seconds |'
echo '|---|---|---|---|'
for rate in ${RATES:-1000}; do
    link_up "$rate"
    stock
    dedup "--dedup=memory, no memory" pvh
    dedup "--dedup=memory" "file:$stream"
    sed 's/^/    /' "$tmp/err" | grep -A1 '^    memory  ' || :
done
