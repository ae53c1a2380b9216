#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What bash offers: for xl-dedup and for xl migrate --dedup what their help
# lists, for all else of xl what its own completion says, which is found by
# either loader that bash-completion has had.  Names of domains are not expanded.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires bash sed
tmpdir

mkdir bin
ln -s "$abs_top_builddir/xl-dedup" bin/xl-dedup
cat >bin/xl <<'END'
#!/bin/sh
[ "$*" = list ] || exit 1
cat <<'LIST'
Name                                        ID   Mem VCPUs      State   Time(s)
Domain-0                                     0  1024     1     r-----      58.1
web1                                         1   192     1     -b----       0.3
we$(touch${IFS}expanded)                     2   192     1     -b----       0.3
mail                                         3   192     1     -b----       0.3
LIST
END
chmod +x bin/xl
PATH=$tmp/bin:$PATH
XL_DEDUP_FRONT=$abs_top_builddir/xl
export XL_DEDUP_FRONT

# xl's own completion, as Debian's registers it
cat >stock <<'END'
_played() { COMPREPLY=("stock:$1:$2 "); }
complete -F _played -o nospace -o default xl xen
END
completion=$abs_top_srcdir/completion
mkdir share
ln -s "$completion/xl-dedup.bash" share/xl-dedup
sed "s,@completionsdir@,$tmp/share,g" "$completion/start.bash.in" >start

# offers.bash LOADER WORD...: what is offered for the last word, a line each
cat >offers.bash <<'END'
loader=$1; shift
[[ $loader == none ]] || eval "$loader() { [[ \$1 != xl ]] || . ./stock; }"
. ./start
[[ $1 != xl-dedup ]] || . ./share/xl-dedup
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$*
status=124
while [[ $status == 124 ]]; do
    [[ $(complete -p "$1") =~ -F\ ([^\ ]+) ]] || exit 1
    COMPREPLY=()
    "${BASH_REMATCH[1]}" "$1" "${!#}" "${@:$#-1:1}"
    status=$?
done
[[ ${#COMPREPLY[@]} == 0 ]] || printf '%s\n' "${COMPREPLY[@]}"
END

# offers EXPECTED WORD...
loader=__load_completion
offers()
{
    expected=$1
    shift
    bash --norc offers.bash "$loader" "$@" 2>err | sort >out
    [ ! -s err ] || { cat err >&2; fail "$*: errors"; }
    [ "$(tr '\n' ' ' <out)" = "${expected:+$expected }" ] ||
        fail "$*: offered '$(cat out)', not '$expected'"
}

for loader in __load_completion _comp_load; do
    offers 'stock:xl:li ' xl li
    offers 'stock:xen:li ' xen li
    offers 'stock:xl:w ' xl migrate w
    offers 'stock:xl:--x ' xl create --x
    offers '--dedup-level=' xl migrate --dedup-l
done
offers '--dry-run' xl -v migrate --dr
offers 'mail we\$\(touch\$\{IFS\}expanded\) web1' xl migrate --dedup ''
offers 'web1' xl migrate --dedup = memory -C conf web
offers 'web1' xl migrate --dedup-level = 9 web
offers '' xl migrate --dedup -C conf
offers '' xl migrate --dedup web1 no-such-host
offers 'disk memory' xl migrate --dedup '='
offers 'memory' xl migrate --dedup = m
offers 'web1' xl-dedup migrate web
offers '--dedup-wipe-source' xl-dedup migrate --dedup-w
offers 'push' xl-dedup pu
offers '--free=' xl-dedup push --fr
offers 'migrate push' xl-dedup serve ''
offers '' xl-dedup push im
[ ! -e expanded ] || fail "the name of a domain was expanded"

# All that the helps list, and nothing else.
listed() { grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+[a-z]=?' | grep -oE -- '--.*'; }
"$XL_DEDUP_FRONT" migrate --dedup --help | listed | LC_ALL=C sort -u >listed
offers "$(sort listed | tr '\n' ' ' | sed 's/ $//')" xl migrate --
[ "$(wc -l <listed)" -ge 10 ] || fail "the help lists too little"
xl-dedup --help | sed -n 's/^  \([a-z-]*\) .*/\1/p' >commands
offers "$({ cat commands; printf '%s\n' --help --version; } | sort |
    tr '\n' ' ' | sed 's/ $//')" xl-dedup ''
while read -r command; do
    # migrate has those of the front.
    [ "$command" != migrate ] || continue
    xl-dedup "$command" --help | listed | sort -u >listed
    [ -s listed ] || fail "$command lists no option"
    offers "$(tr '\n' ' ' <listed | sed 's/ $//')" xl-dedup "$command" --
done <commands

# xl has no completion of its own.
loader=none
offers '' xl li
offers '--dedup-level=' xl migrate --dedup-l
# We are gone, but for what a package leaves in /etc.
rm share/xl-dedup
bash --norc -c '. ./start; complete -p xl' >out 2>&1 &&
    fail "xl is taken over: $(cat out)"
pass "completion"
