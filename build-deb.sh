#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the packages of a release of Debian in a clean chroot, as root:
#
#   sh build-deb.sh [--lintian] [RELEASE [DIRECTORY]]
#
# RELEASE is bookworm (unless given) or trixie; they come into DIRECTORY, or
# build-deb/RELEASE.  --lintian: fails if lintian finds an error or a warning.
# Needs mmdebstrap, and a mirror of Debian: that of this machine's apt, or the
# one that DEBIAN_MIRROR names.  DEB_BUILD_OPTIONS is as ever (nocheck leaves out
# the unit tests).  About five minutes.
set -eu
top=$(cd "$(dirname "$0")" && pwd)

die() { echo "build-deb.sh: $*" >&2; exit 2; }

lintian=
[ "${1-}" != --lintian ] || { lintian=yes; shift; }
release=${1:-bookworm}
out=${2:-$top/build-deb/$release}
case $release in
bookworm | trixie) ;;
*) die "'$release' is none of bookworm and trixie" ;;
esac
[ $# -le 2 ] || die "too many arguments: $*"
[ "$(id -u)" = 0 ] || die "must be run as root"
command -v mmdebstrap >/dev/null || die "mmdebstrap is needed"

# Where the security updates come from has no whole release.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' | grep -v security | head -1)}
[ -n "$mirror" ] || die "apt knows no mirror of Debian; name one in" \
    "DEBIAN_MIRROR"

version=$(sed -n '1s/.*(\(.*\)-[^-]*).*/\1/p' "$top/debian/changelog")
grep -qF "AC_INIT([xl-dedup], [$version])" "$top/configure.ac" ||
    die "configure.ac has another version than debian/changelog ($version)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$out" "$work/build/xl-dedup-$version"
out=$(cd "$out" && pwd)

# The sources as they are now: of a checkout what git knows, of a tarball all.
if git -C "$top" rev-parse --git-dir >/dev/null 2>&1; then
    git -C "$top" ls-files -z |
        tar -C "$top" --null --ignore-failed-read -T - -c
else
    tar -C "$top" --exclude='./build*/' --exclude=./.cache -c .
fi | tar -C "$work/build/xl-dedup-$version" -x
tar -C "$work/build" --exclude="xl-dedup-$version/debian" --sort=name \
    --owner=0 --group=0 --numeric-owner -c "xl-dedup-$version" |
    gzip -9n >"$work/build/xl-dedup_$version.orig.tar.gz"

cat >"$work/build/inside" <<'END'
#!/bin/sh
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /build/xl-dedup-*/
# A later release has the higher version, so that an upgrade takes its package.
number=$(cut -d. -f1 /etc/debian_version)
case $number in
[0-9]*)
    date=$(sed -n 's/^ -- .*>  //p' debian/changelog | head -1)
    date=$(date -u -R -d "$date + 1 second")
    sed -e "1s/)/~deb$number)/; s/^  \* .*/  * Built for this release./" \
        -e "s/^\( -- .*>  \).*/\1$date/; /^ -- /q" debian/changelog >../entry
    { cat ../entry; echo; cat debian/changelog; } >../changelog
    cp ../changelog debian/changelog
    ;;
esac
apt-get -q -y --no-install-recommends build-dep ./
dpkg-buildpackage -us -uc
cd ..
mkdir out
if [ "$1" = yes ]; then
    apt-get -q -y --no-install-recommends install lintian
    # Its exit status is not only about errors and warnings that are left.
    lintian --allow-root --tag-display-limit 0 --info --show-overrides \
        ./*.dsc ./xl-dedup_*.deb >lintian || [ $? = 2 ]
    cat lintian
    if grep -q '^[EW]: ' lintian; then
        exit 1
    fi
fi
rm -rf xl-dedup-*/
mv xl-dedup*_* out/
END
chmod -R a+rX "$work"
# shellcheck disable=SC2016  # $1 is the chroot, in mmdebstrap's shell
mmdebstrap --mode=root --variant=buildd --format=null \
    --customize-hook="copy-in '$work/build' /" \
    --customize-hook='chroot "$1" sh /build/inside '"'$lintian'" \
    --customize-hook="sync-out /build/out '$out'" \
    "$release" /dev/null "deb $mirror $release main"
ls -l "$out"
