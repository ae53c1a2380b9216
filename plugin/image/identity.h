/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of the storage below a block device that are the same on every host
 * which shares it, so that two hosts can find out that they would copy a disk
 * onto itself.
 *
 * A name that is equal on both hosts means that the storage is one; names that
 * differ, or the lack of any, prove nothing (witness.c asks the content).  So
 * only such names are given that no two storages have by accident: no serial
 * numbers that a maker or an emulator leaves at their default, no names that
 * administrators choose for each host.
 *
 *   wwid:NAA...      a LUN (iSCSI, FC, SAS), also by one of its paths where
 *                    dm-multipath has put them together; wwid:eui..., uuid...
 *                    a NVMe namespace
 *   dm:UUID          an LVM volume, LUKS mapping or the like
 *   md:UUID          an array
 *   drbd:RESOURCE/VOLUME:ADDRESS-ADDRESS    one for each peer
 *   rbd:CLUSTER/POOL/NAMESPACE/IMAGE@SNAPSHOT
 *   nbd:SERVER:PORT/EXPORT
 *   host:BOOT:MAJOR:MINOR    the device itself: both ends are one host
 *
 * A partition has the names of its whole device, each followed by ":partN".
 */
#ifndef PLUGIN_IMAGE_IDENTITY_H
#define PLUGIN_IMAGE_IDENTITY_H

#include <stddef.h>
#include <sys/types.h>

/* Where the names are looked for; tests have their own. */
struct identity_sources {
    const char *sys;            /* "/sys" */
    const char *proc;           /* "/proc" */
    const char *drbdsetup;      /* the program, or NULL: DRBD is not asked */
};

extern const struct identity_sources identity_system;

#define IDENTITIES_MAX 16

/* Finds the names of a block device: n, at most max, each for free(); no two
 * are equal.  Returns 0, or -ENOMEM and none. */
int device_identities(const struct identity_sources *from, dev_t device,
                      char **names, size_t max, size_t *n);

#endif
