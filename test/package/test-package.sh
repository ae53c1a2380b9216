#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The package, in clean chroots: builds it (build-deb.sh), looks at what is in
# it, installs it beside Xen's tools, tries it, upgrades what it stands in front
# of, removes it, also with an interruption at every step, and compares
# /usr/sbin/xl with what it was before.
#
#   sh test/package/test-package.sh [RELEASE [DIRECTORY]]
#
# With DIRECTORY, what is built there already is taken.  It is run by name, and
# not by make check: it takes some minutes, and wants a mirror of Debian.
abs_top_srcdir=$(cd "$(dirname "$0")/../.." && pwd)
. "$abs_top_srcdir/test/lib/functions.sh"
[ "$(id -u)" = 0 ] || skip "not root"
requires mmdebstrap apt-get dpkg-deb unshare
release=${1:-bookworm}
packages=${2-}
tmpdir
chmod 755 "$tmp"

if [ -z "$packages" ]; then
    packages=$tmp/packages
    sh "$abs_top_srcdir/build-deb.sh" --lintian "$release" "$packages" \
        >build.log 2>&1 || { tail -60 build.log >&2; fail "build"; }
    grep -E '^[EWIPO]: ' build.log
fi
deb=$(echo "$packages"/xl-dedup_*.deb)
[ -f "$deb" ] || fail "not one package: $deb"

# --- what is in it ----------------------------------------------------------

dpkg-deb --fsys-tarfile "$deb" | tar -tv >content || fail "no package"
has() { grep -Eq "$1" content || fail "the package lacks $1"; }
has '^-rwxr-xr-x root/root .* \./usr/sbin/xl-dedup$'
has '^-rwxr-xr-x root/root .* \./usr/libexec/xl-dedup/xl$'
has '^-rwxr-xr-x root/root .* \./usr/libexec/xl-dedup/xl-dedup-attach$'
has '^-rwxr-xr-x root/root .* \./usr/libexec/xl-dedup/xl-dedup-parse$'
has ' \./usr/lib/[a-z0-9_-]*/xl-dedup/libxlhooks\.so$'
has ' \./etc/xl-dedup/xl-dedup\.conf$'
has ' \./etc/bash_completion\.d/xl-dedup$'
has ' \./usr/share/bash-completion/completions/xl-dedup$'
has '^drwx------ root/root .* \./var/lib/xl-dedup/$'
has ' \./(usr/)?lib/systemd/system/xl-dedup-index\.timer$'
has ' \./(usr/)?lib/systemd/system/xl-dedup-index\.service$'
for page in man8/xl-dedup.8 man8/xl-migrate-dedup.8 man5/xl-dedup.conf.5 \
    man7/xl-dedup-protocol.7; do
    has " \\./usr/share/man/$page\\.gz\$"
done
grep -E '\.la$|/usr/sbin/xl$|/usr/local|\.wants/' content &&
    fail "that does not belong into it"
dpkg-deb -f "$deb" Static-Built-Using |
    grep -q '^rust-blake3 (= .*)$' || fail "BLAKE3 is not named"
dpkg-deb -I "$deb" conffiles | grep -qx /etc/xl-dedup/xl-dedup.conf ||
    fail "the configuration is no conffile"

# --- how it behaves -----------------------------------------------------------

mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' | grep -v security | head -1)}
case $release in
bookworm) xen=4.17 ;;
*) xen=4.20 ;;
esac
# What it depends on is there already, so that no mirror is needed inside.
depends=$(dpkg-deb -f "$deb" Depends | sed 's/([^)]*)//g; s/|[^,]*//g' |
    tr -d ' ')
mmdebstrap --quiet --mode=root --variant=apt \
    --include="$depends,xen-utils-common,xen-utils-$xen,bash-completion" \
    --include=e2fsprogs,openssl,systemd,mount \
    --customize-hook='mkdir "$1/test"' --customize-hook='chroot "$1" sh -c \
        "cd /test && apt-get -qq download xen-utils-common"' \
    "$release" root "deb $mirror $release main" || fail "no chroot"
cp "$deb" "$abs_top_srcdir"/debian/tests/* \
    "$abs_top_srcdir/test/package/in-chroot.sh" root/test/
# The wrapper of xl asks which Xen runs.  What is mounted goes with the
# namespaces.
mkdir -p root/sys/hypervisor/version
echo xen >root/sys/hypervisor/type
echo "${xen%.*}" >root/sys/hypervisor/version/major
echo "${xen#*.}" >root/sys/hypervisor/version/minor
unshare --mount --pid --fork --uts --net sh -c '
    mount -t proc proc root/proc && mount -t tmpfs tmpfs root/tmp &&
    mount --rbind /dev root/dev && exec chroot root sh /test/in-chroot.sh' ||
    fail "see above"
pass "package for $release"
