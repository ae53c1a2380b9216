#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what building and testing need on Debian 12 or 13, if it is not
# there.  Needs root and a working apt.
#
# A line of the lists is the name of a package, or names with "|" between them:
# the first one that this release has; "-" means that it may have none.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

# Where systemd runs, a server that is installed is started, which is not for us
# to do: the test that needs sshd is skipped there.
servers=
[ ! -d /run/systemd/system ] || servers=openssh-server

installed()
{
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# known PACKAGE: apt can install it
known()
{
    LC_ALL=C apt-cache policy "$1" | grep -q '^  Candidate: [^(]'
}

# choose LINE: what is to be installed for it, if anything.  What apt does not
# know goes to it all the same, so that it says so.
choose()
{
    for name in $(echo "$1" | tr '|' ' '); do
        if installed "$name" || [ "$name" = "$servers" ]; then
            return
        fi
    done
    for name in $(echo "$1" | tr '|' ' '); do
        if [ "$name" = - ]; then
            return
        elif known "$name"; then
            echo "$name"
            return
        fi
    done
    echo "${1%%|*}"
}

missing()
{
    sort -u "$here/packages" "$here/nested/packages" | while read -r line; do
        choose "$line"
    done
}

[ -n "$(missing)" ] || exit 0
apt-get -q update
packages=$(missing | tr '\n' ' ')
echo "installing: $packages"
# shellcheck disable=SC2086  # names of packages have no blanks
DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    install $packages
