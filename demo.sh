#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The main job, on one machine (Debian 12 or 13, as root): installs what is
# needed, builds, boots two emulated Xen hosts, and moves a running guest with
# its disk from one to the other with 'xl migrate --dedup'.
set -eu
top=$(cd "$(dirname "$0")" && pwd)

[ "$(id -u)" = 0 ] || { echo "demo.sh: must be run as root" >&2; exit 2; }
sh "$top/test/install-packages.sh"
exec bash "$top/test/nested/demo.sh"
