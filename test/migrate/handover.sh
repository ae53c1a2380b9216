# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Two hosts with the configuration of a guest, for the tests of what becomes of
# it; to be sourced after migration.sh.
#
#   handover_setup      once
#   again [CONFIG]      the guest runs at "a" and never moved; its file there is
#                       xen-a/CONFIG (g1.cfg), with a link in "auto"
#   moved [OPTION]...   a migration that succeeds; its helper has ended

handover_setup()
{
    migration_setup
    seed 43
    noise disk 300000 >"$tmp/orig"
    printf 'guests = %s\n' "$tmp/xen-a" >>"$tmp/a.conf"
    printf 'guests = %s\n' "$tmp/xen-b" >>"$tmp/b.conf"
    config "$tmp/a/disk.img" >"$tmp/here.cfg"
    config "$tmp/b/disk.img" >"$tmp/there.cfg"
    FAKE_MEMORY=100000 FAKE_STATE=$tmp/guest
    FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/disk.img"
    export FAKE_MEMORY FAKE_STATE FAKE_DISKS
    # The second run of the command, on which a test may act.
    sed -i 's|^exec "\$@"|case $* in *adopt) eval "${ADOPT:-}" ;; esac\
exec "$@"|' "$tmp/bin/ssh"
}

# config PATH: of the guest, with its disk there
config()
{
    printf '# made by hand\nname = "g1"\nmemory = 128\n'
    printf 'disk = [ "format=raw,vdev=xvda,access=rw,target=%s" ]\n' "$1"
}

again()
{
    helpers_gone
    rm -rf "$tmp/a" "$tmp/b" "$tmp/xen-a" "$tmp/xen-b" "$tmp/state-a" \
        "$tmp/state-b" "$tmp/guest"
    mkdir -p "$tmp/a" "$tmp/b" "$tmp/xen-a/auto" "$tmp/xen-b" "$tmp/state-a" \
        "$tmp/state-b" "$tmp/guest"
    cp "$tmp/orig" "$tmp/a/disk.img"
    cp "$tmp/here.cfg" "$tmp/xen-a/${1:-g1.cfg}"
    ln -s "../${1:-g1.cfg}" "$tmp/xen-a/auto/${1:-g1.cfg}"
}

moved()
{
    migrate "$@"
    helpers_gone
    [ "$status" = 0 ] ||
        { cat "$tmp/err" >&2; fail "${row:-}: status $status"; }
    said 'guest moved'
    cmp "$tmp/orig" "$tmp/b/disk.img" || fail "${row:-}: the copy differs"
}

# swap: "a" is the target from now on, and "b" the source
swap()
{
    mv "$tmp/a.conf" "$tmp/x.conf"
    mv "$tmp/b.conf" "$tmp/a.conf"
    mv "$tmp/x.conf" "$tmp/b.conf"
}

# xl_at HOST ARGUMENT...: the front's xl there; sets $status, fills out and err
xl_at()
{
    host=$1
    shift
    status=0
    XL_DEDUP_CONFIG=$tmp/$host.conf timeout 60 "$abs_top_builddir/xl" "$@" \
        >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
}

# starts HOST ARGUMENT..., is_refused HOST ARGUMENT...: what xl is to start
starts()
{
    xl_at "$@"
    [ "$status" = 0 ] && grep -q '^created\|^restored' "$tmp/out" ||
        fail "${row:-}: xl $*: status $status: $(cat "$tmp/err")"
    [ ! -s "$tmp/err" ] || fail "${row:-}: xl $*: $(cat "$tmp/err")"
}
# refusal: another reason than that it has moved
is_refused()
{
    xl_at "$@"
    [ "$status" = 1 ] || fail "${row:-}: xl $*: status $status"
    [ ! -s "$tmp/out" ] || fail "${row:-}: xl $*: started"
    [ "$(wc -l <"$tmp/err")" = 1 ] || fail "xl $*: $(cat "$tmp/err")"
    said "${refusal:-g1 has left here when it moved to host}.*'xl-dedup \
reclaim /.*'"
}

# shellcheck disable=SC2034  # for refusal
unsure='of g1, which was about to start at hostb'

# file PATH ORIGINAL: it is there, and the same
file() { cmp "$1" "$2" || fail "${row:-}: $1 is not $2"; }
# none PATH...: nothing is there
none()
{
    for path; do
        [ ! -e "$path" ] && [ ! -L "$path" ] || fail "${row:-}: there is $path"
    done
}
# as_before: all at the source is as it was
as_before()
{
    file xen-a/g1.cfg here.cfg
    [ "$(readlink xen-a/auto/g1.cfg)" = ../g1.cfg ] || fail "${row:-}: no link"
    none xen-a/g1.cfg.moved-to-hostb
    starts a create "$tmp/xen-a/g1.cfg"
}
