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
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
#define PIECE SIGNATURE_PIECE

/* An object that waits for its recipe, or is being made by it.  The recipe
 * copies from what this host holds: a file, or blocks here and there. */
struct recipe {
    struct recipe *next;            /* of all, and the one before: */
    struct recipe **link;
    struct recipe *next_queued;
    uint64_t number;
    const struct batch *batch;
    struct wire_object *object;

    uint64_t held_size;             /* bytes of what is copied from */
    /* Reads at most PIECE bytes of that; there is room for
     * X86_OPERANDS_BEYOND more.  -EPROTO: there is no such place. */
    int (*read)(struct target_disk *d, const struct recipe *r, void *data,
                size_t length, uint64_t offset);
    bool to_passes;                 /* if it is not what it should be, the
                                       passes mend it: few blocks may be wrong,
                                       because a guest has written to them since
                                       they were listed */
    bool code;                      /* it is made as a skeleton */
    size_t cost;                    /* of what is under way for it, bytes */
    atomic_bool begun;              /* may be answered: no thread needs it
                                       any more */

    struct file_signature file;     /* of a file */
    const struct unmatched *blocks; /* else */
};

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

/* Code on its way from its skeleton. */
struct joining {
    struct x86_operands skeleton;
    uint8_t *data;                  /* PIECE: to be joined with operands */
    size_t kept;                    /* bytes in it */
    struct buf operands;
    size_t used;                    /* bytes of them */
};

/* The recipe that is being followed. */
struct making {
    struct recipe *recipe;          /* NULL: none is */
    struct copy copy;
    uint64_t done;                  /* bytes of the object */
    uint64_t copied;                /* end of the last copy */
    uint8_t *piece;
    struct joining joining;
};

struct recipes {
    uint8_t key[PROTO_KEY];
    struct rolling rolling;

    /* Covered by the disk's lock. */
    struct naming *asking;          /* not sent yet */
    struct naming *asked;           /* in the order sent */

    /* Engine thread only. */
    struct recipe *list;            /* all */
    struct recipe *queue;           /* found, but not begun */
    struct recipe **queue_end;
    size_t underway;                /* bytes of signatures not answered */
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
    randombytes_buf(all->key, sizeof(all->key));
    rolling_init(&all->rolling, all->key);
    d->recipes = all;
    return 0;
}

static struct recipe *add_recipe(struct target_disk *d, uint64_t number,
                                 const struct batch *b, struct wire_object *o)
{
    struct recipes *all = d->recipes;
    struct recipe *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->number = number;
    r->batch = b;
    r->object = o;
    o->recipe = r;
    r->next = all->list;
    r->link = &all->list;
    if (r->next)
        r->next->link = &r->next;
    all->list = r;
    return r;
}

static void free_recipe(struct recipe *r)
{
    r->object->recipe = NULL;
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
    signature_release(&r->file);
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
    struct naming *n = d->recipes ? d->recipes->asking : NULL, **end;
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    uint32_t i;
    int rc;

    if (!n)
        return 0;
    d->recipes->asking = NULL;
    for (end = &d->recipes->asked; *end; end = &(*end)->next)
        ;
    *end = n;
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
    int rc = -ENOMEM;

    pthread_mutex_lock(&d->lock);
    if (!all->asking)
        all->asking = calloc(1, sizeof(*all->asking));
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
    int rc = b->length > PROTO_KEY ?
        wire_send_buf(d->wire, FRAME_SIGNATURE, d->number, b) : 0;

    buf_reset(b);
    return rc;
}

static const char out_of_memory[] = "out of memory";

/* When the last one has begun and is sent, the source may let all of this be
 * freed: only the job itself may be used then. */
static int make_signatures(void *opaque, uint64_t number)
{
    struct job *j = opaque;
    struct target_disk *d = j->disk;
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    uint32_t i;
    int rc = 0;

    (void)number;
    for (i = 0; i < j->count && !rc && d->error != -ECANCELED; i++) {
        struct recipe *r = j->recipes[i];

        /* The largest signature just fits into a frame. */
        if (b.length + signature_cost(&r->file) > SIGNATURE_FRAME)
            rc = send_signatures(d, &b);
        if (rc)
            break;
        if (b.length == 0) {
            buf_put(&b, d->recipes->key, PROTO_KEY);
            previous = 0;
        }
        buf_put_zigzag(&b, (int64_t)(r->number - previous));
        previous = r->number;
        rc = signature_put(&r->file, &d->recipes->rolling, &b);
        r->code = r->file.code;
        atomic_store(&r->begun, true);
    }
    if (!rc)
        rc = send_signatures(d, &b);
    /* Otherwise both sides would wait for each other. */
    if (rc == -ENOMEM)
        rc = wire_send(d->wire, FRAME_FAIL, d->number, out_of_memory,
                       strlen(out_of_memory));
    buf_release(&b);
    free(j);
    return rc;
}

/* Begins as many signatures as may be under way. */
static int begin_signatures(struct target_disk *d)
{
    struct recipes *all = d->recipes;
    struct recipe *r;
    struct job *j;
    int rc = 0;

    while (!rc && all->queue && all->underway < UNDERWAY_MAX) {
        j = calloc(1, sizeof(*j));
        if (!j)
            return -ENOMEM;
        j->disk = d;
        while ((r = all->queue) && all->underway < UNDERWAY_MAX &&
               j->count < JOB_MAX) {
            all->queue = r->next_queued;
            all->underway += r->cost;
            j->recipes[j->count++] = r;
        }
        if (!all->queue)
            all->queue_end = &all->queue;
        rc = threadpool_add_first(d->pool, make_signatures, j, 0, 1);
        if (rc)
            free(j);
    }
    return rc;
}

/* Names */

/* Whether the held file lies at the destination just where the object
 * belongs: the check passes compare these. */
static bool is_in_place(const struct target_disk *d, const struct batch *b,
                        const struct wire_object *o, const struct basis *h)
{
    const struct fsparse_extent *e = b->extents + o->first_extent;
    struct stat st;
    size_t i;

    if (h->n_extents != o->n_extents || place_is_empty(b, o) ||
        stat(d->path, &st) || (S_ISBLK(st.st_mode) ? st.st_rdev :
                               st.st_dev) != h->image->dev ||
        (S_ISREG(st.st_mode) && st.st_ino != h->image->ino))
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

static int read_file(struct target_disk *d, const struct recipe *r,
                     void *data, size_t length, uint64_t offset)
{
    (void)d;
    return signature_read(&r->file, data, length, offset);
}

/* Takes the file over unless it fails. */
static int add_file(struct target_disk *d, uint64_t number,
                    const struct batch *b, struct wire_object *o,
                    const struct basis *h)
{
    struct recipes *all = d->recipes;
    struct recipe *r = add_recipe(d, number, b, o);

    if (!r)
        return -ENOMEM;
    signature_init(&r->file, h, o->size);
    r->held_size = h->size;
    r->read = read_file;
    r->cost = signature_cost(&r->file) + 16;
    *all->queue_end = r;
    all->queue_end = &r->next_queued;
    return 0;
}

static int take_name(struct target_disk *d, uint64_t number, const char *name)
{
    const struct batch *b;
    struct wire_object *o = objects_find(d, number, &b);
    struct basis h;
    int rc = 0;

    if (*name && !has_large_gaps(b, o) &&
        references_find_path(d->references, name, o->size, &h)) {
        if (!is_in_place(d, b, o, &h)) {
            rc = add_file(d, number, b, o, &h);
            if (rc)
                basis_release(&h);
            return rc;
        }
        basis_release(&h);
        if (d->dry)
            rc = want_ask_left(b, o);
    } else {
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
    if (n)
        d->recipes->asked = n->next;
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

int recipe_take_names(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    struct naming *n = next_naming(d);
    char name[PROTO_NAME_MAX + 1] = "";
    uint32_t i;
    int rc = n && cursor_u32(&c) == n->count ? 0 : -EPROTO;

    for (i = 0; !rc && i < n->count; i++) {
        rc = read_name(&c, name);
        if (!rc)
            rc = take_name(d, n->numbers[i], name);
    }
    free(n);
    if (!rc && cursor_left(&c) > 0)
        rc = -EPROTO;
    if (!rc)
        rc = want_flush(d);
    return rc ? rc : begin_signatures(d);
}

/* Recipes */

static int read_blocks(struct target_disk *d, const struct recipe *r,
                       void *data, size_t length, uint64_t offset)
{
    return blocklist_read(d, r->blocks, data, length, offset);
}

/* A recipe for an object of which blocks were found. */
static int add_blocks(struct target_disk *d, uint64_t number,
                      const struct batch *b, struct wire_object *o)
{
    const struct unmatched *u = blocklist_take_object(d, number);
    struct recipe *r;

    if (!u)
        return -EPROTO;
    r = add_recipe(d, number, b, o);
    if (!r)
        return -ENOMEM;
    r->blocks = u;
    r->held_size = o->size;
    r->read = read_blocks;
    r->to_passes = true;
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
    if (!m->piece)
        m->piece = aligned_alloc(4096, PIECE + 4096);
    if (!m->joining.data)
        m->joining.data = malloc(PIECE);
    if (!m->piece || !m->joining.data)
        return -ENOMEM;
    m->recipe = o->recipe;
    m->done = 0;
    m->copied = 0;
    m->joining.skeleton = (struct x86_operands){ .size = o->size };
    m->joining.kept = 0;
    m->joining.used = 0;
    buf_reset(&m->joining.operands);
    place_copy_begin(&m->copy, b, o);
    return 0;
}

/* Takes what a frame says of operands.  Those which are too many are left out:
 * something is wrong then. */
static int take_operands(struct joining *j, struct cursor *c)
{
    struct buf *b = &j->operands;
    uint64_t count = cursor_varint(c);
    const uint8_t *data;

    if (c->bad || count > cursor_left(c) / X86_OPERAND_BYTES)
        return -EPROTO;
    data = cursor_get(c, count * X86_OPERAND_BYTES);
    if (j->used > b->length / 2) {
        b->length -= j->used;
        memmove(b->data, b->data + j->used, b->length);
        j->used = 0;
    }
    if (b->length - j->used + count * X86_OPERAND_BYTES <=
        PROTO_OPERANDS_AHEAD)
        buf_put(b, data, count * X86_OPERAND_BYTES);
    return b->failed ? -ENOMEM : 0;
}

/* Joins what there is, but `beyond` bytes, with its operands.  If the file has
 * changed they may be too few: the digest will tell. */
static int join(struct making *m, size_t beyond)
{
    struct joining *j = &m->joining;
    const struct buf *b = &j->operands;
    struct cursor c = CURSOR_INIT(b->data, b->length);
    uint64_t at = j->skeleton.offset;
    size_t n = j->kept - beyond;
    int rc;

    cursor_get(&c, j->used);
    x86_operands_join(&j->skeleton, j->data, n, beyond, &c);
    j->used = b->length - cursor_left(&c);
    rc = place_copy(&m->copy, j->data, n, at);
    memmove(j->data, j->data + n, beyond);
    j->kept = beyond;
    return rc;
}

static int add_to_skeleton(struct making *m, const uint8_t *p, size_t length)
{
    struct joining *j = &m->joining;
    size_t n;
    int rc = 0;

    for (; length > 0 && !rc; p += n, length -= n) {
        n = length < PIECE - j->kept ? length : PIECE - j->kept;
        memcpy(j->data + j->kept, p, n);
        j->kept += n;
        if (j->kept == PIECE)
            rc = join(m, X86_OPERANDS_BEYOND);
    }
    return rc;
}

static int add(struct making *m, const void *data, size_t length)
{
    uint64_t at = m->done;

    m->done += length;
    return m->recipe->code ? add_to_skeleton(m, data, length) :
        place_copy(&m->copy, data, length, at);
}

static int add_held(struct target_disk *d, uint64_t offset, uint64_t length)
{
    struct making *m = &d->recipes->making;
    const struct recipe *r = m->recipe;
    size_t n;
    int rc = 0;

    if (offset > r->held_size || length > r->held_size - offset)
        return -EPROTO;
    for (; length && !rc; length -= n, offset += n) {
        n = length < PIECE ? length : PIECE;
        rc = r->read(d, r, m->piece, n, offset);
        if (!rc)
            rc = add(m, m->piece, n);
    }
    return rc;
}

/* The source is done with this one; rc: or it failed. */
static int leave(struct target_disk *d, struct recipe *r, int rc)
{
    d->recipes->underway -= r->cost;
    d->recipes->making.recipe = NULL;
    free_recipe(r);
    want_leave(d, WANT_HELPED, rc);
    return rc ? rc : begin_signatures(d);
}

static int end_making(struct target_disk *d, struct cursor *c)
{
    struct making *m = &d->recipes->making;
    struct recipe *r = m->recipe;
    const uint8_t *digest = cursor_get(c, PROTO_SHORT_DIGEST);
    int rc = 0;

    if (!digest || m->done != r->object->size)
        return -EPROTO;
    if (r->code)
        rc = join(m, 0);
    if (rc)
        return rc;
    if (place_copy_is(&m->copy, digest) || r->to_passes)
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
    if (length == 0 || length > m->recipe->object->size - m->done)
        return -EPROTO;
    if (n & 1) {
        m->copied += (uint64_t)cursor_zigzag(c);
        n = m->copied;
        m->copied += length;
        return c->bad ? -EPROTO : add_held(d, n, length);
    }
    data = cursor_get(c, length);
    return data ? add(m, data, length) : -EPROTO;
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
    if (!rc && (m->recipe->number != number || m->recipe->code != code))
        return -EPROTO;
    if (!rc && code)
        rc = take_operands(&m->joining, &c);
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
        free_recipe(all->list);
    while ((n = all->asked)) {
        all->asked = n->next;
        free(n);
    }
    free(all->asking);
    free(all->making.piece);
    free(all->making.joining.data);
    buf_release(&all->making.joining.operands);
    free(all);
    d->recipes = NULL;
}
