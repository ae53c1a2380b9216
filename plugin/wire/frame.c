/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a frame owns; see frame.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/wire/frame.h"

void frame_release(struct frame *f)
{
    free(f->data);
    memset(f, 0, sizeof(*f));
}
