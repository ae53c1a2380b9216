/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What "xl-dedup adopt" is told; see adoption.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "plugin/state/moved.h"
#include "plugin/xl/adoption.h"
#include "plugin/xl/guest_file.h"

#define FIRST_LINE "xl-dedup adopt 1\n"

int adoption_encode(const struct adoption *a, struct buf *b)
{
    struct buf head = BUF_INIT;
    int rc;

    buf_put_text(&head, "name", a->name);
    buf_put_text(&head, "uuid", a->uuid);
    buf_put_text(&head, "file", a->file);
    buf_put_text_u64(&head, "mode", a->mode);
    buf_put_text(&head, "starts", a->starts ? "1" : "0");
    buf_put_text(&head, "from", a->from);
    buf_put_text_u64(&head, "length", a->text.length);
    buf_put(b, FIRST_LINE, strlen(FIRST_LINE));
    buf_put_u32(b, head.length);
    buf_put(b, head.data, head.length);
    buf_put(b, a->text.data, a->text.length);
    rc = head.failed || b->failed ? -ENOMEM : 0;
    buf_release(&head);
    return rc;
}

/* The strings at p; the text has `left` bytes. */
static int take_head(const void *p, size_t n, size_t left,
                     struct adoption *a_r)
{
    const char *starts;
    uint64_t mode, length;

    if (!text_valid(p, n))
        return -EPROTO;
    a_r->name = text_get(p, n, "name", 0);
    a_r->uuid = text_get(p, n, "uuid", 0);
    a_r->file = text_get(p, n, "file", 0);
    a_r->from = text_get(p, n, "from", 0);
    starts = text_get(p, n, "starts", 0);
    if (!a_r->name || !*a_r->name || !a_r->uuid || !a_r->file || !a_r->from ||
        !starts || text_get_u64(p, n, "mode", &mode) ||
        text_get_u64(p, n, "length", &length) || length != left)
        return -EPROTO;
    a_r->starts = !strcmp(starts, "1");
    a_r->mode = mode & 0777;
    return moved_uuid_is_one(a_r->uuid) && guest_file_name_is_one(a_r->file) &&
        guest_file_name_is_one(a_r->from) ? 0 : -EPROTO;
}

int adoption_decode(const struct buf *b, struct adoption *a_r)
{
    struct cursor c = CURSOR_INIT(b->data, b->length);
    const uint8_t *line = cursor_get(&c, strlen(FIRST_LINE)), *head;
    uint32_t n = cursor_u32(&c);
    size_t left;
    int rc;

    memset(a_r, 0, sizeof(*a_r));
    head = cursor_get(&c, n);
    if (c.bad || memcmp(line, FIRST_LINE, strlen(FIRST_LINE)))
        return -EPROTO;
    left = cursor_left(&c);
    rc = take_head(head, n, left, a_r);
    if (rc || left > GUEST_FILE_MAX)
        return -EPROTO;
    buf_put(&a_r->text, cursor_get(&c, left), left);
    buf_put_u8(&a_r->text, 0);
    if (a_r->text.failed)
        return -ENOMEM;
    a_r->text.length--;
    return 0;
}
