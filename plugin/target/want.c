/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking for objects; see want.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "plugin/target/place.h"
#include "plugin/target/want.h"

#define AT_ONCE 256             /* numbers in a frame */

/* Numbers that wait for company. */
struct numbers {
    uint64_t *list;             /* of AT_ONCE; NULL: none was added yet */
    size_t n;
};

/* All of it is covered by the disk's lock. */
struct want {
    uint64_t in_state[WANT_STATES];
    struct numbers whole;
    struct numbers left;        /* if dry: for LEFT */
};

int want_begin(struct target_disk *d)
{
    if (!d->want)
        d->want = calloc(1, sizeof(*d->want));
    return d->want ? 0 : -ENOMEM;
}

void want_release(struct target_disk *d)
{
    if (!d->want)
        return;
    free(d->want->whole.list);
    free(d->want->left.list);
    free(d->want);
    d->want = NULL;
}

/* Numbers */

static int flush(struct target_disk *d, uint16_t type, struct numbers *numbers)
{
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    size_t i;
    int rc;

    if (numbers->n == 0)
        return 0;
    buf_put_u32(&b, numbers->n);
    for (i = 0; i < numbers->n; i++) {
        buf_put_zigzag(&b, (int64_t)(numbers->list[i] - previous));
        previous = numbers->list[i];
    }
    numbers->n = 0;
    rc = wire_send_buf(d->wire, type, d->number, &b);
    buf_release(&b);
    return rc;
}

/* With the lock held, so that WANT_END comes last. */
int want_flush_locked(struct target_disk *d)
{
    int rc = flush(d, FRAME_LEFT, &d->want->left);

    return rc ? rc : flush(d, FRAME_WANT, &d->want->whole);
}

int want_flush(struct target_disk *d)
{
    int rc;

    pthread_mutex_lock(&d->lock);
    rc = want_flush_locked(d);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static int add_number(struct target_disk *d, struct numbers *numbers,
                      uint64_t number)
{
    int rc = 0;

    pthread_mutex_lock(&d->lock);
    if (!numbers->list)
        numbers->list = calloc(AT_ONCE, sizeof(*numbers->list));
    if (!numbers->list) {
        rc = -ENOMEM;
    } else {
        numbers->list[numbers->n++] = number;
        if (numbers->n == AT_ONCE)
            rc = want_flush_locked(d);
    }
    pthread_mutex_unlock(&d->lock);
    return rc;
}

int want_ask(struct target_disk *d, uint64_t number)
{
    return add_number(d, &d->want->whole, number);
}

int want_ask_left(const struct batch *b, const struct wire_object *o)
{
    place_touch_object(b, o);
    return add_number(b->disk, &b->disk->want->left, object_number(b, o));
}

/* States */

void want_enter(struct target_disk *d, enum want_state state, uint64_t count)
{
    d->want->in_state[state] += count;
}

bool want_is_last(const struct target_disk *d, enum want_state state)
{
    return d->want->in_state[state] == 1;
}

static bool is_empty(const struct want *w)
{
    return w->in_state[WANT_SEARCHED] == 0 && w->in_state[WANT_HELPED] == 0;
}

/* If something failed the source is told as well: what it sends then meets the
 * error. */
void want_leave_locked(struct target_disk *d, enum want_state state, int rc)
{
    disk_fail(d, rc);
    d->want->in_state[state]--;
    if (!is_empty(d->want) || d->error == -ECANCELED)
        return;
    rc = want_flush_locked(d);
    disk_fail(d, rc ? rc : wire_send(d->wire, FRAME_WANT_END, d->number,
                                     NULL, 0));
}

void want_leave(struct target_disk *d, enum want_state state, int rc)
{
    pthread_mutex_lock(&d->lock);
    want_leave_locked(d, state, rc);
    pthread_mutex_unlock(&d->lock);
}

bool want_is_complete(struct target_disk *d)
{
    bool complete;

    pthread_mutex_lock(&d->lock);
    complete = d->want && is_empty(d->want);
    pthread_mutex_unlock(&d->lock);
    return complete;
}
