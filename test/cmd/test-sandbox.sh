#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The parser's sandbox: what is in force and what cannot be done in it, as root,
# as an ordinary user, and where there are no user namespaces; what is opened
# after the lock; and that an image of which the parser cannot be had, or dies,
# arrives as it is.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires mke2fs truncate openssl perl setpriv strace unshare
[ "$(id -u)" = 0 ] || skip "not root"
tmpdir
chmod 755 .
seed 8
# Copies that everybody can reach, wherever the tree is.
cp "$(command -v xl-dedup)" xl-dedup
cp "$XL_DEDUP_PARSER" parser
XL_DEDUP_PARSER=$tmp/parser; export XL_DEDUP_PARSER

# check WHAT COMMAND...: sandbox-check run by COMMAND finds it sound.
check() {
    what=$1; shift
    "$@" ./xl-dedup sandbox-check >out 2>err
    rc=$?
    grep -q '^missing *filter' out && skip "built with a sanitizer"
    [ $rc = 0 ] && [ ! -s err ] || fail "$what: $(cat out err)"
    grep -qv -e '^in force' -e '^missing' -e '^refused' out &&
        fail "$what: $(cat out)"
    for layer in 'no capabilities' 'no new privileges' 'not dumpable' \
        'end with the parent' 'resource limits' 'filter of system calls'; do
        grep -q "^in force *$layer\$" out || fail "$what: no $layer"
    done
    [ "$(grep -c '^refused .*: killed; ' out)" -ge 35 ] ||
        fail "$what: too few attempts: $(cat out)"
    pass "$what: $(grep -c '^in force' out) layers"
}
# bare ATTEMPT: what became of it without the filter
bare() { sed -n "s/^refused *$1: killed; without the filter: //p" out; }

check "root" env
grep -q '^in force *unprivileged user and group$' out || fail "it stays root"
for attempt in 'fork' 'open a file' 'make a Unix socket' 'execute a program' \
    'trace the parent' 'kill the parent' 'become root with setuid' \
    'write to the image' 'open the image again for writing'; do
    [ "$(bare "$attempt")" != "done" ] ||
        fail "$attempt: nothing but the filter is in the way"
done
user="setpriv --reuid 54321 --regid 54321 --clear-groups"
# shellcheck disable=SC2086  # words
check "ordinary user" $user
# Below another root directory the kernel makes no user namespace.
mkdir jail
# shellcheck disable=SC2016,SC2086
check "no user namespace" unshare -m sh -c '
    mount --rbind / jail && exec chroot jail sh -c "cd $0 && exec $1 \$0 \$1" \
    "$2" "$3"' "$tmp" "$user"
grep -q '^missing *user namespace' out || fail "there is one: $(cat out)"

# What a parser does after the lock, and that it reads nothing before.
noise a 400000 >a; mkdir tree; cp a tree/a
truncate -s 4M image
mke2fs -q -F -t ext4 -b 1024 -d tree image
strace -f -o trace ./parser free 3<image | cat >records
lock=$(grep -n 'seccomp(SECCOMP_SET_MODE_FILTER.*= 0$' trace | tail -n 1)
lock=${lock%%:*}
[ -n "$lock" ] || fail "no filter in: $(cat trace)"
head -n "$lock" trace | grep -E '(read|pread64)\(3, ' | grep -v ELF |
    grep -q . && fail "the image is read before the lock"
tail -n "+$((lock + 1))" trace | grep -vE \
    ' (pread64|read|lseek|fstat|newfstatat|fadvise64)\(3, | write\(1, |' | \
    grep -vE ' (brk|munmap|mremap|mprotect|madvise|exit_group)\(' |
    grep -vE ' mmap\(NULL, .*MAP_ANON|exited with 0' >odd
[ ! -s odd ] || fail "after the lock: $(cat odd)"
pass "after the lock"

# The file; holes come and go with what is written back.
./xl-dedup scan image | grep ':/a$' >by-root || fail "scan"
$user ./xl-dedup scan image | grep ':/a$' >by-user || fail "scan by a user"
cmp by-root by-user || fail "a user finds something else"

# Root that cannot become somebody else: nothing is parsed, and a line says so.
cat >refusing <<E2
#!/bin/sh
exec setpriv --bounding-set=-setuid,-setgid --inh-caps=-setuid,-setgid \
    $tmp/parser "\$@"
E2
chmod +x refusing
XL_DEDUP_PARSER=$tmp/refusing fsparse-dump image >out || fail "$(cat out)"
grep -q "^note the parser's sandbox cannot be built: unprivileged user" out ||
    fail "no word of the refusal: $(cat out)"
grep '^file' out && fail "parsed without a sandbox"
XL_DEDUP_PARSER=$tmp/refusing ./xl-dedup sandbox-check >out 2>err
[ $? = 2 ] || fail "without a sandbox: not 2"
grep -q '^MISSING *unprivileged user and group: .* (required)$' out ||
    fail "$(cat out)"
cat >killed <<'E2'
#!/usr/bin/perl
$| = 1; print "xdfsp\0\0\2"; kill "SYS", $$;
E2
chmod +x killed
XL_DEDUP_PARSER=$tmp/killed fsparse-dump image >out || fail "$(cat out)"
grep -q '^note parser killed by its sandbox (signal 31)' out ||
    fail "$(cat out)"

# Each of them, and a superblock that has made libext2fs write past its heap
# block: the copy is right, and the line is there.
mkdir state
echo "state = $tmp/state" >conf
XL_DEDUP_CONFIG=$tmp/conf; export XL_DEDUP_CONFIG
cp image hostile
printf 'b' | dd of=hostile bs=1 seek=$((0x414)) conv=notrunc status=none
# copy WHAT PARSER IMAGE
copy() {
    rm -f there
    XL_DEDUP_PARSER=$tmp/$2 ./xl-dedup push "$3" "$tmp/there" >out 2>err ||
        fail "$1: $(cat err)"
    cmp "$3" there || fail "$1: differs"
    pass "$1"
}
copy "no sandbox" refusing image
grep -q "parsing failed (the parser's sandbox cannot be built: .*unknown b" \
    err || fail "no line: $(cat err)"
copy "killed" killed image
copy "hostile" parser hostile
