#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What is not for us reaches the real xl untouched.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires cmp env

cat >"$tmp/xl" <<'END'
#!/bin/sh
[ $# = 0 ] || printf '%s\0' "$@" >"$OUT"
env >"$OUT.env"
exit "${STATUS:-0}"
END
chmod +x "$tmp/xl"
XL_DEDUP_XL=$tmp/xl
OUT=$tmp/seen
export XL_DEDUP_XL OUT

pass()
{
    : >"$OUT"
    "$front" "$@" || fail "status $? of: $*"
    : >"$tmp/given"
    [ $# = 0 ] || printf '%s\0' "$@" >"$tmp/given"
    cmp "$tmp/given" "$OUT" || fail "arguments differ: $*"
    ! grep -Eq '^(LD_PRELOAD|XL_DEDUP_CONTROL_FD)' "$OUT.env" ||
        fail "something was preloaded: $*"
}

pass
pass list
pass -v list -l
pass -vvf -T migrate g1 b
pass migrate -p -s 'ssh -C' g1 b
pass migrate -s '' g1 'ssh b --dedup'
pass migrate --debug --live g1 b
pass migrate --de g1 b
pass migrate --help
pass -h
pass --dedup migrate g1 b
pass -x migrate --dedup g1 b
pass list --dedup
pass migrate-receive --dedup
pass migrat --dedup
pass migrate -- --dedup b
pass migrate -C --dedup g1 b
pass migrate -s --dedup g1 b
pass migrate -Fs --dedup g1 b
pass migrate --dedupe g1 b
pass migrate --dedu g1 b
pass migrate -- -- --dedup
# shellcheck disable=SC2016
pass create /dev/null 'name="a b"' "it's" '' '$(x)' '*' 'a
b' "$(printf '\001\377')"
(POSIXLY_CORRECT=1; export POSIXLY_CORRECT
 pass migrate g1 b --dedup) || exit 1

STATUS=37 "$front" list
[ $? = 37 ] || fail "the exit status is lost"
# the same process: a signal to it is one to the real xl
# shellcheck disable=SC2016
printf '#!/bin/sh\necho $$\n' >"$tmp/xl"
# shellcheck disable=SC2016
sh -c 'echo $$; exec "$0" list' "$front" >"$tmp/pids"
[ "$(sort -u "$tmp/pids" | wc -l)" = 1 ] || fail "another process"
