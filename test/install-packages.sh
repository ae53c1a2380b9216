#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what building and testing need on Debian 12, if it is not there.
# Needs root and a working apt.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

# Where systemd runs, a server that is installed is started, which is not for us
# to do: the test that needs sshd is skipped there.
servers=
[ ! -d /run/systemd/system ] || servers=openssh-server

missing=
# shellcheck disable=SC2013  # names of packages have no blanks
for package in $(cat "$here/packages" "$here/nested/packages" | sort -u); do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) ||
        state=
    [ "$state" = installed ] || [ "$package" = "$servers" ] ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
apt-get -q update
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    install $missing
