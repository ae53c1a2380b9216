/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects made by recipes; see recipe.h.
 *
 * The engine thread decides everything; threads of the pool only read files and
 * send their signatures.  The number of bytes of signatures under way is
 * bounded, so that neither side's memory nor the queue of frames there is
 * filled by them.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/base/allowance.h"
#include "plugin/base/budget.h"
#include "plugin/target/assembly.h"
#include "plugin/target/blocklist.h"
#include "plugin/target/place.h"
#include "plugin/target/readback.h"
#include "plugin/target/recipe.h"
#include "plugin/target/signature.h"
#include "plugin/target/want.h"

/* Smaller objects cost about as much to ask for as they may save. */
#define SMALLEST 1024u
/* A gap costs the source's time.  Not for files that consist of them. */
#define GAPS_MAX (64u << 20)
#define UNDERWAY_MAX (4u << 20)     /* bytes of signatures */
#define SIGNATURE_FRAME (64u << 10) /* bytes, about */
#define JOB_MAX 64u                 /* signatures */
#define TELL_SHARE 4u               /* a signature has at most one byte for so
                                       many of the object */

/* An object that waits for its recipe, or is being made by it.  The recipe
 * copies from what this host holds: a file, or blocks here and there. */
struct recipe {
    struct recipe *next;            /* of all, and the one before: */
    struct recipe **link;
    struct recipe *next_queued;
    uint64_t number;
    const struct batch *batch;
    struct wire_object *object;

    struct assembly_basis basis;    /* what is copied from; keep: if it is
                                       not what it should be, the passes mend
                                       it, because few blocks may be wrong: a
                                       guest has written to them since they were
                                       listed */
    size_t cost;                    /* of what is under way for it, bytes */
    uint64_t taken;                 /* bytes of the budget */
    atomic_bool begun;              /* may be answered: no thread needs it
                                       any more */

    struct file_signature file;     /* of a file */
    uint32_t shown[PROTO_SHOWN_VALUES]; /* by the source, of the object */
    const struct unmatched *blocks; /* else */
};

static const char purpose[] = "objects whose names are asked for";

/* The objects of an UNKNOWN frame. */
struct naming {
    struct naming *next;
    uint32_t count;
    uint64_t numbers[PROTO_NAMES_MAX];
};

/* Signatures that a thread makes and sends. */
struct job {
    struct target_disk *disk;
    uint32_t count;
    struct recipe *recipes[JOB_MAX];
};

/* The recipe that is being followed. */
struct making {
    struct recipe *recipe;          /* NULL: none is */
    struct assembly *assembly;
    uint64_t copied;                /* end of the last copy */
};

struct recipes {
    struct budget *budget;

    /* Covered by the disk's lock. */
    struct naming *asking;          /* not sent yet */
    struct naming *asked;           /* in the order sent */
    struct naming **asked_end;
    struct recipe *queue;           /* found, but not begun */
    struct recipe **queue_end;
    size_t underway;                /* bytes of signatures not answered */

    /* Engine thread only. */
    struct recipe *list;            /* all */
    struct making making;
};

int recipe_begin(struct target_disk *d)
{
    struct recipes *all;

    if (d->recipes)
        return 0;
    all = calloc(1, sizeof(*all));
    if (!all)
        return -ENOMEM;
    all->queue_end = &all->queue;
    all->asked_end = &all->asked;
    all->budget = d->budget;
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
    signature_release(&r->file);
    free(r);
}

static void free_naming(struct recipes *all, struct naming *n)
{
    if (!n)
        return;
    budget_give(all->budget, sizeof(*n));
    free(n);
}

/* Asking for names */

bool recipe_may_help(const struct target_disk *d, const struct wire_object *o)
{
    return o->kind == KIND_NAMED && o->size >= SMALLEST &&
        references_have_paths(d->references);
}

int recipe_flush(struct target_disk *d)
{
    struct naming *n = d->recipes ? d->recipes->asking : NULL;
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    uint32_t i;
    int rc;

    if (!n)
        return 0;
    d->recipes->asking = NULL;
    *d->recipes->asked_end = n;
    d->recipes->asked_end = &n->next;
    buf_put_u32(&b, n->count);
    for (i = 0; i < n->count; i++) {
        buf_put_zigzag(&b, (int64_t)(n->numbers[i] - previous));
        previous = n->numbers[i];
    }
    rc = wire_send_buf(d->wire, FRAME_UNKNOWN, d->number, &b);
    buf_release(&b);
    return rc;
}

int recipe_ask(struct target_disk *d, uint64_t number)
{
    struct recipes *all = d->recipes;
    int rc = 0;

    pthread_mutex_lock(&d->lock);
    if (!all->asking) {
        rc = budget_take(all->budget, sizeof(*all->asking), purpose);
        if (!rc)
            all->asking = calloc(1, sizeof(*all->asking));
        if (!rc && !all->asking) {
            budget_give(all->budget, sizeof(*all->asking));
            rc = -ENOMEM;
        }
    }
    if (all->asking) {
        all->asking->numbers[all->asking->count++] = number;
        rc = all->asking->count == PROTO_NAMES_MAX ? recipe_flush(d) : 0;
    }
    if (!rc)
        want_enter(d, WANT_HELPED, 1);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

/* Signatures */

static int send_signatures(struct target_disk *d, struct buf *b)
{
    int rc = b->length > 0 ?
        wire_send_buf(d->wire, FRAME_SIGNATURE, d->number, b) : 0;

    buf_reset(b);
    return rc;
}

static const char out_of_memory[] = "out of memory";

static int begin_signatures(struct target_disk *d);

/* Those that the source has shown, and the buffer that they go to.  The others
 * are moved to the front of the job, *refused_r of them. */
static int put_signatures(struct job *j, struct buf *b, uint32_t *refused_r)
{
    struct target_disk *d = j->disk;
    uint64_t previous = 0;
    uint32_t i;
    int rc = 0;

    for (i = 0; i < j->count && !rc && d->error != -ECANCELED; i++) {
        struct recipe *r = j->recipes[i];

        if (d->told->proven &&
            !signature_is_shown(&r->file, d->told->proof_key, r->shown)) {
            j->recipes[(*refused_r)++] = r;
            continue;
        }
        /* The largest signature just fits into a frame. */
        if (b->length + signature_cost(&r->file) > SIGNATURE_FRAME)
            rc = send_signatures(d, b);
        if (rc)
            break;
        if (b->length == 0)
            previous = 0;
        buf_put_zigzag(b, (int64_t)(r->number - previous));
        previous = r->number;
        rc = signature_put(&r->file, b);
        r->basis.code = r->file.code;
        atomic_store(&r->begun, true);
    }
    return rc ? rc : send_signatures(d, b);
}

/* Wants objects whose files are not described. */
static int refuse(struct job *j, uint32_t count)
{
    struct target_disk *d = j->disk;
    uint32_t i;
    int rc = 0;

    pthread_mutex_lock(&d->lock);
    for (i = 0; i < count; i++)
        d->recipes->underway -= j->recipes[i]->cost;
    pthread_mutex_unlock(&d->lock);
    for (i = 0; i < count && !rc; i++)
        rc = want_ask(d, j->recipes[i]->number);
    if (!rc)
        rc = want_flush(d);
    if (!rc)
        rc = begin_signatures(d);
    /* With the last one all may be freed. */
    for (i = 0; i < count; i++)
        want_leave(d, WANT_HELPED, rc);
    return rc;
}

/* When the last one has begun and is sent, or is refused, the source may let
 * all of this be freed: only the job itself may be used then. */
static int make_signatures(void *opaque, uint64_t number)
{
    struct job *j = opaque;
    struct target_disk *d = j->disk;
    struct buf b = BUF_INIT;
    uint32_t refused = 0;
    int rc;

    (void)number;
    rc = put_signatures(j, &b, &refused);
    if (!rc && refused)
        rc = refuse(j, refused);
    /* Otherwise both sides would wait for each other. */
    if (rc == -ENOMEM)
        rc = wire_send(d->wire, FRAME_FAIL, d->number, out_of_memory,
                       strlen(out_of_memory));
    buf_release(&b);
    free(j);
    return rc;
}

/* With the lock held: takes as many from the queue as may be under way. */
static void fill_job(struct recipes *all, struct job *j)
{
    struct recipe *r;

    while ((r = all->queue) && all->underway < UNDERWAY_MAX &&
           j->count < JOB_MAX) {
        all->queue = r->next_queued;
        all->underway += r->cost;
        j->recipes[j->count++] = r;
    }
    if (!all->queue)
        all->queue_end = &all->queue;
}

/* Begins as many signatures as may be under way.  Any thread. */
static int begin_signatures(struct target_disk *d)
{
    struct job *j;
    int rc = 0;

    while (!rc) {
        j = calloc(1, sizeof(*j));
        if (!j)
            return -ENOMEM;
        j->disk = d;
        pthread_mutex_lock(&d->lock);
        fill_job(d->recipes, j);
        pthread_mutex_unlock(&d->lock);
        if (j->count == 0) {
            free(j);
            return 0;
        }
        rc = threadpool_add_first(d->pool, make_signatures, j, 0, 1);
        if (rc)
            free(j);
    }
    return rc;
}

/* Names */

/* Whether the held file is in the earlier copy of the disk itself. */
static bool is_own(const struct target_disk *d, const struct basis *h)
{
    const struct stat *st = &d->dest.found;

    return !d->dest.nothing &&
        (S_ISBLK(st->st_mode) ? st->st_rdev : st->st_dev) == h->image->dev &&
        (!S_ISREG(st->st_mode) || st->st_ino == h->image->ino);
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

    return signature_read(&r->file, data, length, offset);
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

/* Whether a file may be described to who has a version of it.  What is in the
 * earlier copy of the disk the source had itself. */
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
    struct recipes *all = d->recipes;
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
    r->file = file;
    r->basis = (struct assembly_basis){
        .size = h->size,
        .block = file.shape.block,
        .read = read_file,
        .opaque = r,
    };
    r->cost = cost;
    memcpy(r->shown, shown, sizeof(r->shown));
    pthread_mutex_lock(&d->lock);
    *all->queue_end = r;
    all->queue_end = &r->next_queued;
    pthread_mutex_unlock(&d->lock);
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

static struct naming *next_naming(struct target_disk *d)
{
    struct naming *n;

    pthread_mutex_lock(&d->lock);
    n = d->recipes ? d->recipes->asked : NULL;
    if (n) {
        d->recipes->asked = n->next;
        if (!n->next)
            d->recipes->asked_end = &d->recipes->asked;
    }
    pthread_mutex_unlock(&d->lock);
    return n;
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

/* What is said of an object to show that the source has a version of it. */
static int read_proof(struct cursor *c, uint32_t shown[PROTO_SHOWN_VALUES])
{
    unsigned i;

    for (i = 0; i < PROTO_SHOWN_VALUES; i++)
        shown[i] = cursor_u32(c);
    return c->bad ? -EPROTO : 0;
}

int recipe_take_names(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    struct naming *n = next_naming(d);
    uint32_t shown[PROTO_SHOWN_VALUES] = { 0 }, i;
    char name[PROTO_NAME_MAX + 1] = "";
    int rc = n && cursor_u32(&c) == n->count ? 0 : -EPROTO;

    for (i = 0; !rc && i < n->count; i++) {
        rc = read_name(&c, name);
        if (!rc && d->told->proven && *name)
            rc = read_proof(&c, shown);
        if (!rc)
            rc = take_name(d, n->numbers[i], name, shown);
    }
    free_naming(d->recipes, n);
    if (!rc && cursor_left(&c) > 0)
        rc = -EPROTO;
    if (!rc)
        rc = want_flush(d);
    return rc ? rc : begin_signatures(d);
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
    r->begun = true;
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
    if (!o || !o->recipe || !atomic_load(&o->recipe->begun))
        return -EPROTO;
    m->recipe = o->recipe;
    m->copied = 0;
    if (d->dry)
        return 0;
    return assembly_new(&m->assembly, b, o, &m->recipe->basis, d->budget);
}

/* The source is done with this one; rc: or it failed. */
static int leave(struct target_disk *d, struct recipe *r, int rc)
{
    pthread_mutex_lock(&d->lock);
    d->recipes->underway -= r->cost;
    pthread_mutex_unlock(&d->lock);
    assembly_free(d->recipes->making.assembly);
    d->recipes->making = (struct making){ NULL, NULL, 0 };
    free_recipe(d, r);
    want_leave(d, WANT_HELPED, rc);
    return rc ? rc : begin_signatures(d);
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
    struct naming *n;

    if (!all)
        return;
    while (all->list)
        free_recipe(d, all->list);
    while ((n = all->asked)) {
        all->asked = n->next;
        free_naming(all, n);
    }
    free_naming(all, all->asking);
    assembly_free(all->making.assembly);
    free(all);
    d->recipes = NULL;
}
