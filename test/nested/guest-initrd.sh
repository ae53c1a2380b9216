#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# guest-initrd.sh FILE: writes the guests' initrd, which is the cached part
# plus our own two programs, guest-init and guest-writer, as they are now.
# Needs gcc, cpio and an image made by build-image.sh.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
gcc -std=gnu11 -Wall -Wextra -Os -static -o "$work/bin/guest-writer" \
    "$bed_src/guest-writer.c"
install -m 755 "$bed_src/guest-init" "$work/init"
# The kernel unpacks archives one after the other.
{
    cat "$bed_cache/guest.cpio"
    (cd "$work" && find . | cpio --quiet -o -H newc -R 0:0)
} >"$1"
