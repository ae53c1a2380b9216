#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xl migrate --dedup: the command line that the real xl gets.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires sed

cat >"$tmp/xl" <<'END'
#!/bin/sh
for arg; do printf '[%s]' "$arg"; done
printf '\n'
END
printf '#!/bin/sh\n' >"$tmp/xl-dedup"
chmod +x "$tmp/xl" "$tmp/xl-dedup"
export XL_DEDUP_XL="$tmp/xl" XL_DEDUP="$tmp/xl-dedup" XL_DEDUP_HOOKS="$hooks"

# check EXPECTED ARGUMENT...; H stands for the helper's call
check()
{
    expected=$1
    shift
    "$front" "$@" 2>"$tmp/err.log" |
        sed "s|exec $tmp/xl-dedup send-xl --control-fd=[0-9]*|H|" \
        >"$tmp/out.log"
    [ "$(cat "$tmp/out.log")" = "$expected" ] ||
        fail "$*: expected $expected"
}

tail='xl-dedup receive-xl --'
check "[migrate][-s][][g1][H --host=b -- ssh b $tail migrate-receive]" \
    migrate --dedup g1 b
check "[migrate][-s][][g1][H --host=b --parts=disk -- ssh b $tail \
migrate-receive]" migrate g1 b --dedup=disk
check "[migrate][-s][][g1][H --host=b --parts=memory --memory-cache=9 -- ssh b \
$tail migrate-receive]" migrate --dedup=memory g1 --dedup-memory-cache=9 b
# the receiver's options are those of stock xl
check "[-vvv][-t][migrate][-s][][-F][-p][-D][--debug][--live][g1][H \
--host=b --level=3 --x-y=1 -- ssh -C b $tail -t -vvv migrate-receive -e -d -p]" \
    -vvv -t migrate -pFD --dedup-level=3 --deb -s 'ssh -C' --live \
    --dedup-x-y=1 g1 b
# shellcheck disable=SC2016
check "[-vTv][-vvv][migrate][-s][][-C][a b][-e][g1][H '--config=a b' --host=b --foo \
'--bar=it'\\''s \$x' -- ssh b $tail -T -vvvv migrate-receive -e]" \
    -vTv -vvv -- migrate -eC 'a b' --dedup-foo "--dedup-bar=it's \$x" g1 b
# HOST is one word, whatever it holds
check "[migrate][-s][][g1][H '--host=a;b '\\''c' -- ssh 'a;b '\\''c' $tail \
migrate-receive]" migrate --dedup g1 "a;b 'c"
check "[migrate][-s][][g1][H --host=root@::1 -- ssh root@::1 $tail \
migrate-receive]" migrate --dedup g1 root@::1
# with -s '' it is a command
check "[migrate][-s][][g1][H -- sh -c 'cd /; exec my'\\''ssh']" \
    migrate --dedup -s '' g1 "cd /; exec my'ssh"
check "[migrate][-s][][--][-g][H --host=b -- ssh b $tail migrate-receive]" \
    migrate --dedup -- -g b

# a dry run starts no xl
check_dry()
{
    expected=$1
    shift
    "$front" "$@" >"$tmp/out.log" 2>"$tmp/err.log"
    [ "$(cat "$tmp/out.log")" = "$expected" ] ||
        fail "$*: expected $expected"
}
# shellcheck disable=SC2016
printf '#!/bin/sh\nfor arg; do printf "[%%s]" "$arg"; done\n' \
    >"$tmp/xl-dedup"
check_dry "[estimate-xl][--domain=g1][--host=b][--][ssh][b][xl-dedup][receive]" \
    migrate --dedup --dry-run g1 b
check_dry "[estimate-xl][--domain=-g 'x][--config=c d][--host=b][--level=3]\
[--][ssh][-p][9][b][xl-dedup][receive]" migrate -C 'c d' -s 'ssh -p 9' \
    --dedup-level=3 --dedup-dry-run -- "-g 'x" b
check_dry "[estimate-xl][--domain=g1][--parts=disk][--][sh][-c][ab 'c']" \
    migrate --dedup=disk -s '' --dry-run g1 "ab 'c'"

# wrong use
wrong_status=2
wrong()
{
    "$front" "$@" >"$tmp/out.log" 2>"$tmp/err.log"
    [ $? = $wrong_status ] || fail "accepted: $*"
    grep -q '^xl migrate --dedup: ' "$tmp/err.log" || fail "no message: $*"
    [ ! -s "$tmp/out.log" ] || fail "output: $*"
}
wrong migrate --dedup
wrong migrate --dedup g1
wrong migrate --dedup g1 b c
wrong migrate --dedup g1 ''
wrong migrate --dedup -x g1 b
wrong migrate --dedup --unknown g1 b
wrong migrate --dedup g1 b -s
wrong migrate --dedup=all g1 b
wrong migrate --dedup-parts=disk g1 b
wrong migrate --dedup= g1 b
wrong migrate --dedup-level g1 b
wrong migrate --dedup-level= g1 b
wrong migrate --dedup-level=0 g1 b
wrong migrate --dedup-level=20 g1 b
wrong migrate --dedup-level=3x g1 b
wrong migrate --dedup-remove-source=1 g1 b
wrong migrate --dedup-wipe-source= g1 b
wrong migrate --dedup-keep-config=1 g1 b
wrong migrate --dedup- g1 b
wrong migrate --dedup-=1 g1 b
wrong migrate '--dedup-a b' g1 b
wrong migrate --dedup-control-fd=1 g1 b
wrong migrate --dedup-host=1 g1 b
wrong migrate --dedup-domain=1 g1 b
wrong migrate --dedup-config=1 g1 b
wrong migrate --dedup-dry-run=1 g1 b

# What ssh would take for an option is no host, and nothing is run.
wrong_status=64
for host in -oProxyCommand=x -x root@-oProxyCommand=x -l@b root@ @b; do
    wrong migrate --dedup g1 -- "$host"
    wrong migrate --dedup --dry-run g1 -- "$host"
    wrong migrate --dedup -s 'ssh -p 9' g1 -- "$host"
done
wrong migrate --dedup g1 -- "$(printf -- '-b\033[2J\nxl: all is well')"
grep -q '^xl: ' "$tmp/err.log" && fail "a forged line"
grep -q "$(printf '\033')" "$tmp/err.log" && fail "an escape: $host"
wrong migrate --dedup -s '' g1 -- '-c x'
wrong migrate --dedup -s '' --dry-run g1 -- '-c x'

for help in -h --help --he; do
    "$front" migrate --dedup $help >"$tmp/out.log" 2>"$tmp/err.log" ||
        fail "$help: status $?"
    grep -q '^Usage: xl .*migrate --dedup' "$tmp/out.log" || fail "$help"
    [ ! -s "$tmp/err.log" ] || fail "$help writes to stderr"
    ! grep -q '.\{81\}' "$tmp/out.log" || fail "$help is too wide"
done
"$front" migrate --dedup -h >/dev/full 2>/dev/null && fail "help is lost"
exit 0
