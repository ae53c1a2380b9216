/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The images of a session; see reference_images.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/index/index.h"
#include "plugin/target/reference_images.h"

struct reference_slot {
    enum image_state state;
    bool named;
    uint32_t id;                /* 0: not indexed */
    bool opened;                /* or tried to */
    struct image image;
};

static int open_here(void *opaque, size_t i, struct image *img)
{
    const struct reference_images *r = opaque;

    return image_open(img, r->list.items[i].path);
}

static int stamp_here(void *opaque, size_t i, struct stamp *s_r)
{
    const struct reference_images *r = opaque;

    return stamp_of(r->list.items[i].path, s_r);
}

void reference_images_here(struct reference_images *r,
                           struct image_system *s_r)
{
    *s_r = (struct image_system){ open_here, stamp_here, r };
}

void reference_images_init(struct reference_images *r)
{
    *r = (struct reference_images){ .list = IMAGE_LIST_INIT };
    reference_images_here(r, &r->system);
    pthread_mutex_init(&r->lock, NULL);
}

void reference_images_release(struct reference_images *r)
{
    size_t i;

    for (i = 0; r->slots && i < r->list.n; i++)
        image_release(&r->slots[i].image);
    free(r->slots);
    image_list_release(&r->list);
    pthread_mutex_destroy(&r->lock);
}

int reference_images_complete(struct reference_images *r)
{
    size_t i;

    r->slots = calloc(r->list.n + 1, sizeof(*r->slots));
    if (!r->slots)
        return -ENOMEM;
    for (i = 0; i < r->list.n; i++)
        r->slots[i].image = (struct image)IMAGE_INIT;
    return 0;
}

/* The index */

struct update {
    struct reference_images *r;
    bool *listed;
};

static int update_one(void *opaque, const struct index_image *i)
{
    struct update *u = opaque;
    struct reference_images *r = u->r;
    enum image_state state = IMAGE_CURRENT;
    struct stamp stamp;
    size_t n;

    for (n = 0; n < r->list.n; n++)
        if (!strcmp(r->list.items[n].path, i->path))
            break;
    if (n == r->list.n)
        return 0;
    u->listed[n] = true;
    if (!i->named)
        state = IMAGE_MISSING;
    else if (r->system.stamp(r->system.opaque, n, &stamp) ||
             !stamp_same(&stamp, &i->stamp))
        state = IMAGE_CHANGED;
    pthread_mutex_lock(&r->lock);
    r->slots[n].id = i->id;
    r->slots[n].named = i->named;
    r->slots[n].state = state;
    pthread_mutex_unlock(&r->lock);
    return 0;
}

void reference_images_update(struct reference_images *r, struct store *index)
{
    struct update u = { r, calloc(r->list.n + 1, sizeof(bool)) };
    MDB_txn *t;
    size_t i;

    if (!u.listed || store_read(index, &t)) {
        free(u.listed);
        return;
    }
    index_images(index, t, false, update_one, &u);
    store_read_end(index, t);
    pthread_mutex_lock(&r->lock);
    for (i = 0; i < r->list.n; i++)
        if (!u.listed[i])
            r->slots[i] = (struct reference_slot){
                .image = r->slots[i].image, .opened = r->slots[i].opened,
            };
    pthread_mutex_unlock(&r->lock);
    free(u.listed);
}

size_t reference_images_list(struct reference_images *r,
                             enum image_state state, uint32_t *numbers,
                             size_t max)
{
    size_t i, n = 0;

    pthread_mutex_lock(&r->lock);
    for (i = 0; r->slots && i < r->list.n && n < max; i++) {
        if (r->slots[i].state != state)
            continue;
        if (numbers)
            numbers[n] = i;
        n++;
    }
    pthread_mutex_unlock(&r->lock);
    return n;
}

size_t reference_images_count(struct reference_images *r,
                              enum image_state state)
{
    return reference_images_list(r, state, NULL, r->list.n);
}

bool reference_images_have(void *opaque, uint32_t id)
{
    struct reference_images *r = opaque;
    size_t i;

    pthread_mutex_lock(&r->lock);
    for (i = 0; i < r->list.n && r->slots[i].id != id; i++)
        ;
    pthread_mutex_unlock(&r->lock);
    return i < r->list.n;
}

bool reference_images_have_names(struct reference_images *r)
{
    bool have = false;
    size_t i;

    pthread_mutex_lock(&r->lock);
    for (i = 0; r->slots && i < r->list.n; i++)
        have = have || (r->slots[i].id && r->slots[i].named);
    pthread_mutex_unlock(&r->lock);
    return have;
}

/* Opening */

/* With the lock held. */
static const struct image *open_slot(struct reference_images *r, size_t i)
{
    struct reference_slot *s = &r->slots[i];

    if (!s->opened)
        r->system.open(r->system.opaque, i, &s->image);
    s->opened = true;
    return s->image.fd >= 0 ? &s->image : NULL;
}

const struct image *reference_images_of(struct reference_images *r,
                                        uint32_t id)
{
    const struct image *found = NULL;
    size_t i;

    pthread_mutex_lock(&r->lock);
    for (i = 0; i < r->list.n; i++)
        if (r->slots[i].id == id)
            break;
    if (i < r->list.n)
        found = open_slot(r, i);
    pthread_mutex_unlock(&r->lock);
    return found;
}

const struct image *reference_images_get(struct reference_images *r,
                                         size_t i)
{
    const struct image *image;

    pthread_mutex_lock(&r->lock);
    image = open_slot(r, i);
    pthread_mutex_unlock(&r->lock);
    return image;
}
