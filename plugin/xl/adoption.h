/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What "xl-dedup adopt" is told: the configuration of a guest that runs at this
 * host now, from the one that it came from.
 *
 * It is read from standard input to its end: the line "xl-dedup adopt 1\n", the
 * length (32 bits, little endian) of what follows, strings "key=value" that
 * each end with a NUL, and after these the text of the file.  Keys: name, uuid,
 * file, mode, starts ("0" or "1"), from, length (of the text).
 */
#ifndef PLUGIN_XL_ADOPTION_H
#define PLUGIN_XL_ADOPTION_H

#include <stdbool.h>

#include "plugin/base/buf.h"

struct adoption {
    const char *name;           /* the guest's */
    const char *uuid;
    const char *file;           /* the name that the file is to have */
    const char *from;           /* the host that it comes from, by its name */
    bool starts;                /* it is to be started at boot */
    unsigned mode;              /* of the file */
    struct buf text;            /* its content */
};

/* Appends the whole to b.  0 or -ENOMEM. */
int adoption_encode(const struct adoption *a, struct buf *b);

/*
 * Takes it apart: texts point into b, and the text is followed by a NUL that is
 * not counted; it is for buf_release(), also after an error.  0, -ENOMEM, or
 * -EPROTO unless all is there, uuid is one, and file and from may be a file's
 * name and a part of one.
 */
int adoption_decode(const struct buf *b, struct adoption *a_r);

#endif
