#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The part of test-package.sh that changes a system: /test has the package.
set -u
LC_ALL=C.UTF-8
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
DEBIAN_FRONTEND=noninteractive
export LC_ALL PATH DEBIAN_FRONTEND
cd /tmp || exit 1

fail() { echo "in-chroot.sh: FAIL: $*" >&2; exit 1; }

# state: all that the package may not change for good
state()
{
    find /usr/sbin /usr/bin /usr/libexec /usr/lib/systemd /etc \
        /usr/share/bash-completion -xdev ! -name '*.cache' \
        ! -path '/etc/ld.so.cache' \( ! -type d -o -name 'xl*' \) \
        -printf '%p %y %m %U:%G %T@ %l\n' | sort
    dpkg-divert --list
    dpkg -V xen-utils-common
    systemctl --root=/ is-enabled xl-dedup-index.timer 2>/dev/null
    xl list 2>&1
    echo "status $?"
}
unchanged()
{
    state >after
    diff before after >&2 || fail "$*"
}
works()
{
    sh /test/xl >log 2>&1 || { cat log >&2; fail "$*"; }
}
install() { dpkg -i /test/xl-dedup_*.deb >log 2>&1 ||
    { cat log >&2; fail "install $*"; } }

state >before
xl list >log 2>&1
grep -q 'cannot init xl context' log || fail "no real xl: $(cat log)"

# A plain life.
install
works "installed"
sh /test/engine >log 2>&1 || { cat log >&2; fail "engine"; }
tail -1 log
[ "$(stat -c '%a %U' /var/lib/xl-dedup)" = '700 root' ] || fail "state directory"
find /etc/systemd -name '*xl-dedup*' | grep . && fail "a unit is enabled"
systemd-analyze security --offline=true --no-pager --threshold=20 \
    /lib/systemd/system/xl-dedup-index.service >log 2>&1 ||
    { cat log >&2; fail "exposed to more than 2.0"; }
tail -1 log
install "again"
works "installed twice"
dpkg -r xl-dedup >log 2>&1 || { cat log >&2; fail "remove"; }
dpkg -P xl-dedup >log 2>&1 || { cat log >&2; fail "purge"; }
[ ! -e /var/lib/xl-dedup ] && [ ! -e /etc/xl-dedup ] || fail "purge leaves things"
unchanged "removed"

# Xen's tools are upgraded behind it, or come after it.
tools() { dpkg -i /test/xen-utils-common_*.deb >log 2>&1 ||
    { cat log >&2; fail "xen-utils-common $*"; } }
install
tools "upgraded"
works "with Xen's tools upgraded"
dpkg -P xl-dedup >log 2>&1
unchanged "removed after an upgrade"
dpkg --force-depends -r xen-utils-common >log 2>&1
install "without Xen"
xl list >log 2>&1 && fail "there is no xl"
grep -q "cannot run the distribution's xl, /usr/libexec/xl" log ||
    { cat log >&2; fail "no message"; }
tools "installed later"
works "with Xen's tools installed later"
dpkg -P xl-dedup >log 2>&1
unchanged "removed, Xen's tools came later"

# The administrator's configuration is kept.
install
echo '#mine' >>/etc/xl-dedup/xl-dedup.conf
install "over a changed configuration"
dpkg -r xl-dedup >log 2>&1
grep -q '^#mine' /etc/xl-dedup/xl-dedup.conf || fail "the configuration is lost"
bash --norc -ic '. /usr/share/bash-completion/bash_completion
    . /etc/bash_completion.d/xl-dedup; complete -p xl' >log 2>/dev/null &&
    grep -q dedup log && fail "removed, it still completes"
dpkg -P xl-dedup >log 2>&1
unchanged "removed with a configuration"

# A purge takes what the engine keeps, and nothing else.
install
sh /test/engine >log 2>&1 || { cat log >&2; fail "engine"; }
for name in index records moved secrets listings; do
    mkdir -p "/var/lib/xl-dedup/$name"
    : >"/var/lib/xl-dedup/$name/one"
done
: >/var/lib/xl-dedup/secret
echo guest >/var/lib/xl-dedup/guest.img
dpkg -P xl-dedup >log 2>&1 || { cat log >&2; fail "purge with an image"; }
[ "$(find /var/lib/xl-dedup -mindepth 1)" = /var/lib/xl-dedup/guest.img ] ||
    fail "a purge leaves: $(find /var/lib/xl-dedup)"
grep -q 'has files of others, and stays' log || fail "no message"
rm -r /var/lib/xl-dedup
unchanged "purged beside an image"

# Interrupted at each call of each program that the scripts run, while it is
# installed and while it is removed: there is an xl all the time, and doing it
# again comes out right.
mkdir -p /test/bin
for program in cp mv ln rm dpkg-divert; do
    cat >/test/bin/$program <<END
#!/bin/sh
# At the N-th call all ends: before it, with dpkg, as when the power fails; or
# after it, for the script alone.
n=\$((\$(cat /test/count) - 1)) when=\$(cat /test/when)
echo \$n >/test/count
PATH=/usr/sbin:/usr/bin:/sbin:/bin
if [ \$n = 0 ] && [ \$when = before ]; then
    dpkg=\$(cut -d' ' -f4 /proc/\$PPID/stat)
    [ "\$(cat /proc/\$dpkg/comm)" != dpkg ] || kill -9 \$dpkg
    kill -9 \$PPID
    exit 1
fi
$program "\$@"
status=\$?
[ \$n != 0 ] || kill -9 \$PPID
exit \$status
END
    chmod +x /test/bin/$program
done
# interrupted N WHEN COMMAND...: false if there are not so many calls
interrupted()
{
    echo "$1" >/test/count
    echo "$2" >/test/when
    shift 2
    PATH=/test/bin:$PATH "$@" >log 2>&1
    [ "$(cat /test/count)" -le 0 ]
}
there()
{
    xl list >log 2>&1
    grep -q 'cannot init xl context' log || fail "no xl after $*: $(cat log)"
}
for when in before after; do
    n=1
    while interrupted $n $when dpkg -i /test/xl-dedup_*.deb; do
        there "an installation interrupted at $n ($when)"
        if [ $((n % 2)) = 0 ]; then
            install "after an interruption at $n"
            works "installed after an interruption at $n ($when)"
        fi
        dpkg -P xl-dedup >log 2>&1 || { cat log >&2; fail "purge at $n"; }
        unchanged "an installation interrupted at $n ($when)"
        n=$((n + 1))
    done
    [ $n -gt 3 ] || fail "the installation was not interrupted"
    works "not interrupted"
    installs=$n n=1
    while interrupted $n $when dpkg -P xl-dedup; do
        there "a removal interrupted at $n ($when)"
        if [ $((n % 2)) = 0 ]; then
            install "after a removal interrupted at $n"
            works "installed after a removal interrupted at $n ($when)"
        fi
        dpkg -P xl-dedup >log 2>&1 || { cat log >&2; fail "purge at $n"; }
        unchanged "a removal interrupted at $n ($when)"
        install
        n=$((n + 1))
    done
    [ $n -gt 3 ] || fail "the removal was not interrupted"
    unchanged "removed, not interrupted"
    echo "interrupted $when $((installs - 1)) + $((n - 1)) calls"
done

# Somebody else's diversion is left alone, with a message.
dpkg-divert --local --no-rename --divert /usr/sbin/xl.mine --add \
    /usr/sbin/xl >log 2>&1
dpkg -i /test/xl-dedup_*.deb >log 2>&1 && fail "over another diversion"
grep -q 'is diverted by LOCAL already' log || { cat log >&2; fail "no message"; }
dpkg -P xl-dedup >log 2>&1
dpkg-divert --local --no-rename --remove /usr/sbin/xl >log 2>&1
unchanged "another diversion"
