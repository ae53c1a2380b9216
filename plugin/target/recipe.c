/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects made by recipes; see recipe.h.
 *
 * The engine thread decides everything: names.c asks in its place, and threads
 * of the pool only read files and send their signatures (signature_queue.c).
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/allowance.h"
#include "plugin/base/budget.h"
#include "plugin/image/node.h"
#include "plugin/target/assembly.h"
#include "plugin/target/blocklist.h"
#include "plugin/target/names.h"
#include "plugin/target/place.h"
#include "plugin/target/readback.h"
#include "plugin/target/recipe.h"
#include "plugin/target/signature.h"
#include "plugin/target/signature_queue.h"
#include "plugin/target/want.h"

/* Smaller objects cost about as much to ask for as they may save. */
#define SMALLEST 1024u
/* A gap costs the source's time.  Not for files that consist of them. */
#define GAPS_MAX (64u << 20)
#define TELL_SHARE 4u               /* bytes of the object for each that its
                                       signature has, at least */

/* An object that waits for its recipe, or is being made by it.  The recipe
 * copies from what this host holds: a file, or blocks here and there. */
struct recipe {
    struct recipe *next;            /* of all, and the one before: */
    struct recipe **link;
    uint64_t number;
    const struct batch *batch;
    struct wire_object *object;

    struct assembly_basis basis;    /* what is copied from; keep: if it is
                                       not what it should be, the passes mend
                                       it, because few blocks may be wrong: a
                                       guest has written to them since they were
                                       listed */
    uint64_t taken;                 /* bytes of the budget */
    struct queued_signature signature;  /* of the file; without one it has cost
                                       0, and begun is all that counts */
    const struct unmatched *blocks; /* instead of a file */
};

static const char purpose[] = NAMES_PURPOSE;

/* The recipe that is being followed. */
struct making {
    struct recipe *recipe;          /* NULL: none is */
    struct assembly *assembly;
    uint64_t copied;                /* end of the last copy */
};

struct recipes {
    struct names *names;
    struct signature_queue *queue;

    /* Engine thread only. */
    struct recipe *list;            /* all */
    struct making making;
};

static void free_recipes(struct recipes *all)
{
    assembly_free(all->making.assembly);
    signature_queue_free(all->queue);
    names_free(all->names);
    free(all);
}

int recipe_begin(struct target_disk *d)
{
    struct recipes *all;
    int rc;

    if (d->recipes)
        return 0;
    all = calloc(1, sizeof(*all));
    if (!all)
        return -ENOMEM;
    rc = names_new(&all->names, d);
    if (!rc)
        rc = signature_queue_new(&all->queue, d);
    if (rc) {
        free_recipes(all);
        return rc;
    }
    d->recipes = all;
    return 0;
}

/* bytes: that belong to it, and are taken as well.  0, -ENOMEM or -ENOBUFS. */
static int add_recipe(struct target_disk *d, uint64_t number,
                      const struct batch *b, struct wire_object *o,
                      uint64_t bytes, struct recipe **r_r)
{
    struct recipes *all = d->recipes;
    struct recipe *r;
    int rc = budget_take(d->budget, sizeof(*r) + bytes, purpose);

    if (rc)
        return rc;
    r = calloc(1, sizeof(*r));
    if (!r) {
        budget_give(d->budget, sizeof(*r) + bytes);
        return -ENOMEM;
    }
    r->taken = sizeof(*r) + bytes;
    r->number = number;
    r->batch = b;
    r->object = o;
    o->recipe = r;
    r->next = all->list;
    r->link = &all->list;
    if (r->next)
        r->next->link = &r->next;
    all->list = r;
    *r_r = r;
    return 0;
}

static void free_recipe(struct target_disk *d, struct recipe *r)
{
    budget_give(d->budget, r->taken);
    r->object->recipe = NULL;
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
    signature_release(&r->signature.file);
    free(r);
}

/* Asking for names */

bool recipe_may_help(const struct target_disk *d, const struct wire_object *o)
{
    return o->kind == KIND_NAMED && o->size >= SMALLEST &&
        references_have_paths(d->references);
}

int recipe_flush(struct target_disk *d)
{
    return d->recipes ? names_flush(d->recipes->names) : 0;
}

int recipe_ask(struct target_disk *d, uint64_t number)
{
    int rc;

    pthread_mutex_lock(&d->lock);
    rc = names_ask(d->recipes->names, number);
    if (!rc)
        want_enter(d, WANT_HELPED, 1);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

/* Files of the names that come */

/* Whether the held file is in the earlier copy of the disk itself. */
static bool is_own(const struct target_disk *d, const struct basis *h)
{
    struct node there, held = {
        h->image->block, h->image->dev, h->image->ino
    };

    return !d->dest.nothing && node_of_stat(&d->dest.found, &there) &&
        node_equal(there, held);
}

/* Whether the held file lies at the destination just where the object
 * belongs: the check passes compare these. */
static bool is_in_place(const struct target_disk *d, const struct batch *b,
                        const struct wire_object *o, const struct basis *h)
{
    const struct fsparse_extent *e = b->extents + o->first_extent;
    size_t i;

    if (h->n_extents != o->n_extents || place_is_empty(b, o) ||
        !is_own(d, h))
        return false;
    for (i = 0; i < h->n_extents; i++)
        if (e[i].logical != h->extents[i].logical ||
            e[i].physical != h->extents[i].physical ||
            e[i].length != h->extents[i].length)
            return false;
    return true;
}

static bool has_large_gaps(const struct batch *b, const struct wire_object *o)
{
    uint64_t held = 0;
    uint32_t i;

    for (i = 0; i < o->n_extents; i++)
        held += b->extents[o->first_extent + i].length;
    return o->size - held > GAPS_MAX;
}

static int read_file(const void *opaque, void *data, size_t length,
                     uint64_t offset)
{
    const struct recipe *r = opaque;

    return signature_read(&r->signature.file, data, length, offset);
}

/* Whether a signature is small against what it may save, and the session may
 * still be told so much.  It is counted before it is made, in dry runs as
 * well. */
static bool may_tell(const struct target_disk *d, const struct wire_object *o,
                     size_t cost)
{
    return cost <= o->size / TELL_SHARE &&
        atomic_load(&d->told->wrong) > 0 &&
        allowance_take(&d->told->signatures, cost);
}

/* Whether a file may be described to a source that has another version of it.
 * What is in the earlier copy of the disk the source had itself. */
static bool may_show(const struct target_disk *d, const struct basis *h)
{
    return !d->told->proven || h->object.public || is_own(d, h);
}

/* Takes the file over if it is to be described.  *added_r: it is. */
static int add_file(struct target_disk *d, uint64_t number,
                    const struct batch *b, struct wire_object *o,
                    const struct basis *h, const uint32_t *shown,
                    bool *added_r)
{
    struct file_signature file;
    struct recipe *r;
    size_t cost;
    int rc;

    signature_init(&file, h, d->told->secret);
    cost = signature_cost(&file);
    *added_r = may_show(d, h) && may_tell(d, o, cost);
    if (!*added_r)
        return 0;
    rc = add_recipe(d, number, b, o, h->n_extents * sizeof(*h->extents), &r);
    if (rc)
        return rc;
    r->basis = (struct assembly_basis){
        .size = h->size,
        .block = file.shape.block,
        .read = read_file,
        .opaque = r,
    };
    r->signature.number = number;
    r->signature.file = file;
    r->signature.cost = cost;
    memcpy(r->signature.shown, shown, sizeof(r->signature.shown));
    signature_queue_add(d->recipes->queue, &r->signature);
    return 0;
}

static int take_name(struct target_disk *d, uint64_t number, const char *name,
                     const uint32_t shown[PROTO_SHOWN_VALUES])
{
    const struct batch *b;
    struct wire_object *o = objects_find(d, number, &b);
    bool added = false;
    struct basis h;
    int rc = 0;

    if (!*name || has_large_gaps(b, o) ||
        !references_find_path(d->references, name, o->size, &h)) {
        rc = want_ask(d, number);
    } else if (is_in_place(d, b, o, &h)) {
        basis_release(&h);
        if (d->dry)
            rc = want_ask_left(b, o);
    } else {
        rc = add_file(d, number, b, o, &h, shown, &added);
        if (added && !rc)
            return 0;
        basis_release(&h);
        if (rc)
            return rc;
        rc = want_ask(d, number);
    }
    want_leave(d, WANT_HELPED, rc);
    return 0;
}

int recipe_take_names(struct target_disk *d, const struct frame *f)
{
    int rc = d->recipes ? names_take(d->recipes->names, f, take_name) :
        -EPROTO;

    if (!rc)
        rc = want_flush(d);
    return rc ? rc : signature_queue_send(d->recipes->queue);
}

/* Recipes */

static int read_blocks(const void *opaque, void *data, size_t length,
                       uint64_t offset)
{
    const struct recipe *r = opaque;

    return blocklist_read(r->batch->disk, r->blocks, data, length, offset);
}

/* A recipe for an object of which blocks were found. */
static int add_blocks(struct target_disk *d, uint64_t number,
                      const struct batch *b, struct wire_object *o)
{
    const struct unmatched *u = blocklist_take_object(d, number);
    struct recipe *r;
    int rc;

    if (!u)
        return -EPROTO;
    rc = add_recipe(d, number, b, o, 0, &r);
    if (rc)
        return rc;
    r->blocks = u;
    r->basis = (struct assembly_basis){
        .size = o->size,
        .head = blocklist_head(u),
        .block = PROTO_BLOCK,
        .keep = true,
        .read = read_blocks,
        .opaque = r,
    };
    r->signature.begun = true;
    return 0;
}

static int begin_making(struct target_disk *d, uint64_t number)
{
    struct making *m = &d->recipes->making;
    const struct batch *b;
    struct wire_object *o = objects_find(d, number, &b);
    int rc;

    if (o && o->kind == KIND_UNPARSED && !o->recipe) {
        rc = add_blocks(d, number, b, o);
        if (rc)
            return rc;
    }
    if (!o || !o->recipe || !atomic_load(&o->recipe->signature.begun))
        return -EPROTO;
    m->recipe = o->recipe;
    m->recipe->basis.code = m->recipe->signature.file.code;
    m->copied = 0;
    if (d->dry)
        return 0;
    return assembly_new(&m->assembly, b, o, &m->recipe->basis, d->budget);
}

/* The source is done with this one; rc: or it failed. */
static int leave(struct target_disk *d, struct recipe *r, int rc)
{
    signature_queue_answered(d->recipes->queue, &r->signature);
    assembly_free(d->recipes->making.assembly);
    d->recipes->making = (struct making){ NULL, NULL, 0 };
    free_recipe(d, r);
    want_leave(d, WANT_HELPED, rc);
    return rc ? rc : signature_queue_send(d->recipes->queue);
}

static int end_making(struct target_disk *d, struct cursor *c)
{
    struct making *m = &d->recipes->making;
    struct recipe *r = m->recipe;
    const uint8_t *digest = cursor_get(c, PROTO_SHORT_DIGEST);
    bool right;
    int rc;

    if (!digest || assembly_done(m->assembly) != r->object->size)
        return -EPROTO;
    rc = assembly_end(m->assembly, digest, &right);
    if (rc)
        return rc;
    if (!right)
        allowance_take(&d->told->wrong, 1);
    if (right || r->basis.keep)
        readback_settle(r->batch, r->object);
    else
        rc = want_ask(d, r->number);
    return leave(d, r, rc);
}

static int take_record(struct target_disk *d, struct cursor *c)
{
    struct making *m = &d->recipes->making;
    uint64_t n = cursor_varint(c), length = n >> 1;
    const uint8_t *data;

    if (n == 0)
        return c->bad ? -EPROTO : end_making(d, c);
    if (length == 0 ||
        length > m->recipe->object->size - assembly_done(m->assembly))
        return -EPROTO;
    if (n & 1) {
        m->copied += (uint64_t)cursor_zigzag(c);
        n = m->copied;
        m->copied += length;
        return c->bad ? -EPROTO : assembly_copy(m->assembly, n, length);
    }
    data = cursor_get(c, length);
    return data ? assembly_add(m->assembly, data, length) : -EPROTO;
}

int recipe_take(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint64_t number = cursor_u64(&c);
    bool code = number & PROTO_CODE;
    struct making *m = d->recipes ? &d->recipes->making : NULL;
    int rc = 0;

    number &= ~PROTO_CODE;
    if (c.bad || !m || number >= objects_count(d))
        return -EPROTO;
    if (d->error)
        return d->error;
    if (!m->recipe)
        rc = begin_making(d, number);
    if (!rc && d->dry)      /* only the number comes, as the end of it */
        return cursor_left(&c) > 0 ? -EPROTO : leave(d, m->recipe, 0);
    if (!rc && (m->recipe->number != number || m->recipe->basis.code != code))
        return -EPROTO;
    if (!rc && code)
        rc = assembly_take_operands(m->assembly, &c);
    while (!rc && cursor_left(&c) > 0)
        rc = m->recipe ? take_record(d, &c) : -EPROTO;
    return rc;
}

void recipe_release(struct target_disk *d)
{
    struct recipes *all = d->recipes;

    if (!all)
        return;
    while (all->list)
        free_recipe(d, all->list);
    free_recipes(all);
    d->recipes = NULL;
}
