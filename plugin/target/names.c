/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names that the source is asked for; see names.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/budget.h"
#include "plugin/target/names.h"

/* The objects of an UNKNOWN frame. */
struct naming {
    struct naming *next;
    uint32_t count;
    uint64_t numbers[PROTO_NAMES_MAX];
};

struct names {
    struct target_disk *disk;

    /* Covered by the disk's lock. */
    struct naming *asking;          /* not sent yet */
    struct naming *asked;           /* in the order sent */
    struct naming **asked_end;
};

static const char purpose[] = NAMES_PURPOSE;

int names_new(struct names **n_r, struct target_disk *d)
{
    struct names *n = calloc(1, sizeof(*n));

    if (!n)
        return -ENOMEM;
    n->disk = d;
    n->asked_end = &n->asked;
    *n_r = n;
    return 0;
}

static void free_naming(struct names *n, struct naming *a)
{
    if (!a)
        return;
    budget_give(n->disk->budget, sizeof(*a));
    free(a);
}

void names_free(struct names *n)
{
    struct naming *a;

    if (!n)
        return;
    while ((a = n->asked)) {
        n->asked = a->next;
        free_naming(n, a);
    }
    free_naming(n, n->asking);
    free(n);
}

/* Asking */

int names_flush(struct names *n)
{
    struct naming *a = n->asking;
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    uint32_t i;
    int rc;

    if (!a)
        return 0;
    n->asking = NULL;
    *n->asked_end = a;
    n->asked_end = &a->next;
    buf_put_u32(&b, a->count);
    for (i = 0; i < a->count; i++) {
        buf_put_zigzag(&b, (int64_t)(a->numbers[i] - previous));
        previous = a->numbers[i];
    }
    rc = wire_send_buf(n->disk->wire, FRAME_UNKNOWN, n->disk->number, &b);
    buf_release(&b);
    return rc;
}

static int begin_naming(struct names *n)
{
    struct budget *budget = n->disk->budget;
    int rc = budget_take(budget, sizeof(*n->asking), purpose);

    if (rc)
        return rc;
    n->asking = calloc(1, sizeof(*n->asking));
    if (n->asking)
        return 0;
    budget_give(budget, sizeof(*n->asking));
    return -ENOMEM;
}

int names_ask(struct names *n, uint64_t number)
{
    int rc = n->asking ? 0 : begin_naming(n);

    if (rc)
        return rc;
    n->asking->numbers[n->asking->count++] = number;
    return n->asking->count == PROTO_NAMES_MAX ? names_flush(n) : 0;
}

/* Answers */

/* The objects of the frame that is answered next, or NULL. */
static struct naming *next_naming(struct names *n)
{
    struct naming *a;

    pthread_mutex_lock(&n->disk->lock);
    a = n->asked;
    if (a) {
        n->asked = a->next;
        if (!a->next)
            n->asked_end = &n->asked;
    }
    pthread_mutex_unlock(&n->disk->lock);
    return a;
}

/* name: the one before, then the one that comes next. */
static int read_name(struct cursor *c, char name[PROTO_NAME_MAX + 1])
{
    uint64_t shared = cursor_varint(c), rest = cursor_varint(c);
    const uint8_t *p;

    if (c->bad || shared > strlen(name) || rest > PROTO_NAME_MAX - shared)
        return -EPROTO;
    p = cursor_get(c, rest);
    if (!p || memchr(p, 0, rest))
        return -EPROTO;
    memcpy(name + shared, p, rest);
    name[shared + rest] = '\0';
    return 0;
}

static int read_shown(struct cursor *c, uint32_t shown[PROTO_SHOWN_VALUES])
{
    unsigned i;

    for (i = 0; i < PROTO_SHOWN_VALUES; i++)
        shown[i] = cursor_u32(c);
    return c->bad ? -EPROTO : 0;
}

int names_take(struct names *n, const struct frame *f, names_sink *sink)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    struct target_disk *d = n->disk;
    struct naming *a = next_naming(n);
    uint32_t shown[PROTO_SHOWN_VALUES] = { 0 }, i;
    char name[PROTO_NAME_MAX + 1] = "";
    int rc = a && cursor_u32(&c) == a->count ? 0 : -EPROTO;

    for (i = 0; !rc && i < a->count; i++) {
        rc = read_name(&c, name);
        if (!rc && d->told->proven && *name)
            rc = read_shown(&c, shown);
        if (!rc)
            rc = sink(d, a->numbers[i], name, shown);
    }
    free_naming(n, a);
    return !rc && cursor_left(&c) > 0 ? -EPROTO : rc;
}
