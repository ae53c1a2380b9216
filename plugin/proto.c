/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of the protocol's frames; see proto.h. */
#include "config.h"

#include <stddef.h>

#include "plugin/proto.h"

static const struct {
    unsigned type;
    const char *name;
} frames[] = {
    { FRAME_HELLO, "HELLO" },
    { FRAME_FAIL, "FAIL" },
    { FRAME_XL, "XL" },
    { FRAME_MEMORY, "MEMORY" },
    { FRAME_MEMORY_END, "MEMORY_END" },
    { FRAME_MEMORY_KEY, "MEMORY_KEY" },
    { FRAME_CODED, "CODED" },
    { FRAME_TAKEN, "TAKEN" },
    { FRAME_MISSED, "MISSED" },
    { FRAME_PAGES, "PAGES" },
    { FRAME_DISK, "DISK" },
    { FRAME_DISKS_END, "DISKS_END" },
    { FRAME_PROBE, "PROBE" },
    { FRAME_PROBED, "PROBED" },
    { FRAME_DISK_OK, "DISK_OK" },
    { FRAME_BALLAST, "BALLAST" },
    { FRAME_CHALLENGE, "CHALLENGE" },
    { FRAME_MANIFEST, "MANIFEST" },
    { FRAME_MANIFEST_END, "MANIFEST_END" },
    { FRAME_WANT, "WANT" },
    { FRAME_WANT_END, "WANT_END" },
    { FRAME_DATA, "DATA" },
    { FRAME_DATA_END, "DATA_END" },
    { FRAME_BULK_DONE, "BULK_DONE" },
    { FRAME_LEFT, "LEFT" },
    { FRAME_FREIGHT, "FREIGHT" },
    { FRAME_UNKNOWN, "UNKNOWN" },
    { FRAME_NAMES, "NAMES" },
    { FRAME_SIGNATURE, "SIGNATURE" },
    { FRAME_RECIPE, "RECIPE" },
    { FRAME_LIST, "LIST" },
    { FRAME_BLOCKLIST, "BLOCKLIST" },
    { FRAME_HELD, "HELD" },
    { FRAME_SEGMENTS, "SEGMENTS" },
    { FRAME_PASS_END, "PASS_END" },
    { FRAME_DIFFER, "DIFFER" },
    { FRAME_PASS_DONE, "PASS_DONE" },
    { FRAME_SEGMENT, "SEGMENT" },
    { FRAME_BLOCKS, "BLOCKS" },
    { FRAME_PATCH, "PATCH" },
    { FRAME_COMPARED, "COMPARED" },
    { FRAME_DELTA, "DELTA" },
    { FRAME_LISTING, "LISTING" },
    { FRAME_PLACE, "PLACE" },
    { FRAME_PLACED, "PLACED" },
    { FRAME_RESTORE, "RESTORE" },
    { FRAME_RESTORING, "RESTORING" },
    { FRAME_BYE, "BYE" },
    { FRAME_ALIVE, "ALIVE" },
};

const char *proto_name(unsigned type)
{
    size_t i;

    for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
        if (frames[i].type == type)
            return frames[i].name;
    return "an unknown frame";
}
