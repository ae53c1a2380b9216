/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects made of another version of the same file (docs/protocol.md,
 * "UNKNOWN, NAMES, SIGNATURE, RECIPE"): the target's part.
 *
 * For an object that is not found by its digest its name is asked for.  If a
 * reference has a file of that name, a sketch of it goes to the source, whose
 * answer tells what of the object is in there, and brings the rest.  The
 * result is hashed as it is written; if it is not what the source says it
 * read, the object is asked for whole.  Recipes for what blocklist.c has found
 * are followed here as well.
 *
 * The engine thread decides everything; threads of the pool only read files
 * and send their sketches.  Of these so many are under way at most that
 * neither side's memory nor the queue of frames there is filled by them.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/base/log.h"
#include "plugin/target/disk.h"
#include "plugin/target/readback.h"
#include "plugin/target/signature.h"

/* Smaller objects cost about as much to ask for as they may save. */
#define SMALLEST 1024u
/* A gap costs the source's time.  Not for files that consist of them. */
#define GAPS_MAX (64u << 20)
#define UNDERWAY_MAX (4u << 20)     /* bytes of sketches */
#define SIGNATURE_FRAME (64u << 10)    /* bytes, about */
#define JOB_MAX 64u                 /* sketches */
#define PIECE SIGNATURE_PIECE

/* An object that waits for its recipe. */
struct version {
    struct version *next;
    uint64_t number;
    const struct batch *batch;
    struct wire_object *object;
    struct file_signature file;
    const struct stray *stray;      /* instead of that: blocks */
    atomic_bool begun;              /* may be answered: no thread needs it
                                       any more */
};

/* The objects of an UNKNOWN frame. */
struct naming {
    struct naming *next;
    uint32_t count;
    uint64_t numbers[PROTO_NAMES_MAX];
};

/* Sketches that a thread makes and sends. */
struct job {
    struct target_disk *disk;
    uint32_t count;
    struct version *versions[JOB_MAX];
};

struct versions {
    uint8_t key[PROTO_KEY];
    struct rolling rolling;

    /* Covered by the disk's lock. */
    struct naming *asking;          /* not sent yet */
    struct naming *asked;           /* in the order sent */

    /* Engine thread only. */
    struct version *queue;          /* found, but not begun */
    struct version **queue_end;
    size_t underway;                /* bytes of sketches not answered */
    struct {                        /* the recipe that is being followed */
        struct version *version;
        struct copy copy;
        uint64_t done;              /* bytes of the object */
        uint64_t copied;            /* end of the last copy */
        uint8_t *piece;
        /* If it is made as a skeleton. */
        struct x86_operands skeleton;
        uint8_t *joined;            /* to be joined with operands */
        size_t kept;                /* bytes in it */
        struct buf operands;
        size_t used;                /* bytes of them */
    } cook;
};

/* With the lock held. */
static struct versions *get(struct target_disk *d)
{
    struct versions *v = d->versions;

    if (v)
        return v;
    v = calloc(1, sizeof(*v));
    if (!v)
        return NULL;
    v->queue_end = &v->queue;
    randombytes_buf(v->key, sizeof(v->key));
    rolling_init(&v->rolling, v->key);
    d->versions = v;
    return v;
}

/* Asking for names */

bool versions_help(const struct target_disk *d, const struct wire_object *o)
{
    return o->kind == KIND_NAMED && o->size >= SMALLEST &&
        references_have_paths(d->references);
}

int versions_flush(struct target_disk *d)
{
    struct naming *n = d->versions ? d->versions->asking : NULL, **end;
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    uint32_t i;
    int rc;

    if (!n)
        return 0;
    d->versions->asking = NULL;
    for (end = &d->versions->asked; *end; end = &(*end)->next)
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

int versions_ask(struct target_disk *d, uint64_t number)
{
    struct versions *v;
    int rc = -ENOMEM;

    pthread_mutex_lock(&d->lock);
    v = get(d);
    if (v && !v->asking)
        v->asking = calloc(1, sizeof(*v->asking));
    if (v && v->asking) {
        v->asking->numbers[v->asking->count++] = number;
        rc = v->asking->count == PROTO_NAMES_MAX ? versions_flush(d) : 0;
    }
    pthread_mutex_unlock(&d->lock);
    return rc;
}

/* Sketches */

static int send_signatures(struct target_disk *d, struct buf *b)
{
    int rc = b->length > PROTO_KEY ?
        wire_send_buf(d->wire, FRAME_SIGNATURE, d->number, b) : 0;

    buf_reset(b);
    buf_put(b, d->versions->key, PROTO_KEY);
    return rc;
}

static const char out_of_memory[] = "out of memory";

static int make_signatures(void *opaque, uint64_t number)
{
    struct job *j = opaque;
    struct target_disk *d = j->disk;
    struct buf b = BUF_INIT;
    uint64_t previous = 0;
    uint32_t i;
    int rc = 0;

    (void)number;
    buf_put(&b, d->versions->key, PROTO_KEY);
    for (i = 0; i < j->count && !rc && d->error != -ECANCELED; i++) {
        struct version *w = j->versions[i];

        /* The largest sketch just fits into a frame. */
        if (b.length + signature_cost(&w->file) > SIGNATURE_FRAME) {
            rc = send_signatures(d, &b);
            previous = 0;
        }
        if (rc)
            break;
        buf_put_zigzag(&b, (int64_t)(w->number - previous));
        previous = w->number;
        rc = signature_put(&w->file, &d->versions->rolling, &b);
        atomic_store(&w->begun, true);
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

static size_t cost(const struct version *w)
{
    return signature_cost(&w->file) + 16;
}

/* Begins as many sketches as may be under way. */
static int begin_signatures(struct target_disk *d)
{
    struct versions *v = d->versions;
    struct version *w;
    struct job *j;
    int rc = 0;

    while (!rc && v->queue && v->underway < UNDERWAY_MAX) {
        j = calloc(1, sizeof(*j));
        if (!j)
            return -ENOMEM;
        j->disk = d;
        while ((w = v->queue) && v->underway < UNDERWAY_MAX &&
               j->count < JOB_MAX) {
            v->queue = w->next;
            v->underway += cost(w);
            j->versions[j->count++] = w;
        }
        if (!v->queue)
            v->queue_end = &v->queue;
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

    if (h->n_extents != o->n_extents || rebuild_place_is_empty(b, o) ||
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

static int add_version(struct target_disk *d, uint64_t number,
                       const struct batch *b, struct wire_object *o,
                       const struct basis *h)
{
    struct versions *v = d->versions;
    struct version *w = calloc(1, sizeof(*w));

    if (!w)
        return -ENOMEM;
    w->number = number;
    w->batch = b;
    w->object = o;
    signature_init(&w->file, h, o->size);
    o->version = w;
    *v->queue_end = w;
    v->queue_end = &w->next;
    return 0;
}

static int take_name(struct target_disk *d, uint64_t number, const char *name)
{
    const struct batch *b;
    struct wire_object *o = rebuild_object(d, number, &b);
    struct basis h;
    int rc = 0;

    if (*name && !has_large_gaps(b, o) &&
        references_find_path(d->references, name, o->size, &h)) {
        if (!is_in_place(d, b, o, &h)) {
            rc = add_version(d, number, b, o, &h);
            if (rc)
                basis_release(&h);
            return rc;
        }
        basis_release(&h);
        if (d->dry)
            rc = rebuild_left(d, b, o);
    } else {
        rc = rebuild_want(d, number);
    }
    rebuild_finish(d, rc);
    return 0;
}

static struct naming *next_naming(struct target_disk *d)
{
    struct naming *n;

    pthread_mutex_lock(&d->lock);
    n = d->versions ? d->versions->asked : NULL;
    if (n)
        d->versions->asked = n->next;
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

int versions_names(struct target_disk *d, const struct frame *f)
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
        rc = rebuild_flush_wants(d);
    return rc ? rc : begin_signatures(d);
}

/* Recipes */

int versions_prepare(struct target_disk *d)
{
    int rc;

    pthread_mutex_lock(&d->lock);
    rc = get(d) ? 0 : -ENOMEM;
    pthread_mutex_unlock(&d->lock);
    return rc;
}

/* A recipe for an object of which blocks were found. */
static int add_stray(struct target_disk *d, uint64_t number,
                     const struct batch *b, struct wire_object *o)
{
    const struct stray *s = scatter_take(d, number);
    struct version *w;

    if (!s)
        return -EPROTO;
    w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->number = number;
    w->batch = b;
    w->object = o;
    w->stray = s;
    w->begun = true;
    o->version = w;
    return 0;
}

static int begin_recipe(struct target_disk *d, uint64_t number)
{
    struct versions *v = d->versions;
    const struct batch *b;
    struct wire_object *o = rebuild_object(d, number, &b);
    int rc;

    if (o && o->kind == KIND_UNPARSED && !o->version) {
        rc = add_stray(d, number, b, o);
        if (rc)
            return rc;
    }
    if (!o || !o->version || !atomic_load(&o->version->begun))
        return -EPROTO;
    if (!v->cook.piece)
        v->cook.piece = aligned_alloc(4096, PIECE + 4096);
    if (!v->cook.joined)
        v->cook.joined = malloc(PIECE);
    if (!v->cook.piece || !v->cook.joined)
        return -ENOMEM;
    v->cook.version = o->version;
    v->cook.done = 0;
    v->cook.copied = 0;
    v->cook.skeleton = (struct x86_operands){ .size = o->size };
    v->cook.kept = 0;
    v->cook.used = 0;
    buf_reset(&v->cook.operands);
    rebuild_copy_begin(&v->cook.copy, b, o);
    return 0;
}

/* Takes what a frame says of operands.  Those which are too many are left out:
 * something is wrong then. */
static int take_operands(struct versions *v, struct cursor *c)
{
    struct buf *b = &v->cook.operands;
    uint64_t count = cursor_varint(c);
    const uint8_t *data;

    if (c->bad || count > cursor_left(c) / X86_OPERAND_BYTES)
        return -EPROTO;
    data = cursor_get(c, count * X86_OPERAND_BYTES);
    if (v->cook.used > b->length / 2) {
        b->length -= v->cook.used;
        memmove(b->data, b->data + v->cook.used, b->length);
        v->cook.used = 0;
    }
    if (b->length - v->cook.used + count * X86_OPERAND_BYTES <=
        PROTO_OPERANDS_AHEAD)
        buf_put(b, data, count * X86_OPERAND_BYTES);
    return b->failed ? -ENOMEM : 0;
}

/* Joins what there is, but `beyond` bytes, with its operands.  If the file has
 * changed they may be too few: the digest will tell. */
static int join(struct versions *v, size_t beyond)
{
    const struct buf *b = &v->cook.operands;
    struct cursor c = CURSOR_INIT(b->data, b->length);
    uint64_t at = v->cook.skeleton.offset;
    size_t n = v->cook.kept - beyond;
    int rc;

    cursor_get(&c, v->cook.used);
    x86_operands_join(&v->cook.skeleton, v->cook.joined, n, beyond, &c);
    v->cook.used = b->length - cursor_left(&c);
    rc = rebuild_copy(&v->cook.copy, v->cook.joined, n, at);
    memmove(v->cook.joined, v->cook.joined + n, beyond);
    v->cook.kept = beyond;
    return rc;
}

static int add_to_skeleton(struct versions *v, const uint8_t *p,
                           size_t length)
{
    size_t n;
    int rc = 0;

    for (; length > 0 && !rc; p += n, length -= n) {
        n = length < PIECE - v->cook.kept ? length : PIECE - v->cook.kept;
        memcpy(v->cook.joined + v->cook.kept, p, n);
        v->cook.kept += n;
        if (v->cook.kept == PIECE)
            rc = join(v, X86_OPERANDS_BEYOND);
    }
    return rc;
}

static int add(struct versions *v, const void *data, size_t length)
{
    uint64_t at = v->cook.done;

    v->cook.done += length;
    return v->cook.version->file.code ? add_to_skeleton(v, data, length) :
        rebuild_copy(&v->cook.copy, data, length, at);
}

static int add_held(struct target_disk *d, uint64_t offset, uint64_t length)
{
    struct versions *v = d->versions;
    const struct version *w = v->cook.version;
    uint64_t size = w->stray ? w->object->size : w->file.shape.size;
    size_t n;
    int rc = 0;

    if (offset > size || length > size - offset)
        return -EPROTO;
    for (; length && !rc; length -= n, offset += n) {
        n = length < PIECE ? length : PIECE;
        rc = w->stray ? scatter_read(d, w->stray, v->cook.piece, n, offset) :
            signature_read(&w->file, v->cook.piece, n, offset);
        if (!rc)
            rc = add(v, v->cook.piece, n);
    }
    return rc;
}

/* The source is done with this one; rc: or it failed. */
static int end_version(struct target_disk *d, struct version *w, int rc)
{
    struct versions *v = d->versions;

    if (!w->stray)
        v->underway -= cost(w);
    v->cook.version = NULL;
    w->object->version = NULL;
    version_free(w);
    rebuild_finish(d, rc);
    return rc ? rc : begin_signatures(d);
}

static int end_recipe(struct target_disk *d, struct cursor *c)
{
    struct versions *v = d->versions;
    struct version *w = v->cook.version;
    const uint8_t *digest = cursor_get(c, PROTO_SHORT_DIGEST);
    int rc = 0;

    if (!digest || v->cook.done != w->object->size)
        return -EPROTO;
    if (w->file.code)
        rc = join(v, 0);
    if (rc)
        return rc;
    /* Of what was made of blocks, few may be wrong, because the guest has
     * written to them since they were listed: the check passes ask for these
     * alone. */
    if (rebuild_copy_is(&v->cook.copy, digest) || w->stray)
        readback_settle(w->batch, w->object);
    else
        rc = rebuild_want(d, w->number);
    return end_version(d, w, rc);
}

static int take_record(struct target_disk *d, struct cursor *c)
{
    struct versions *v = d->versions;
    uint64_t n = cursor_varint(c), length = n >> 1;
    const uint8_t *data;

    if (n == 0)
        return c->bad ? -EPROTO : end_recipe(d, c);
    if (length == 0 || length > v->cook.version->object->size - v->cook.done)
        return -EPROTO;
    if (n & 1) {
        v->cook.copied += (uint64_t)cursor_zigzag(c);
        n = v->cook.copied;
        v->cook.copied += length;
        return c->bad ? -EPROTO : add_held(d, n, length);
    }
    data = cursor_get(c, length);
    return data ? add(v, data, length) : -EPROTO;
}

int versions_recipe(struct target_disk *d, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint64_t number = cursor_u64(&c);
    bool code = number & PROTO_CODE;
    struct versions *v;
    int rc = 0;

    number &= ~PROTO_CODE;
    pthread_mutex_lock(&d->lock);
    v = d->versions;
    pthread_mutex_unlock(&d->lock);
    if (c.bad || !v || number >= d->n_objects)
        return -EPROTO;
    if (d->error)
        return d->error;
    if (!v->cook.version)
        rc = begin_recipe(d, number);
    if (!rc && d->dry)      /* only the number comes, as the end of it */
        return cursor_left(&c) > 0 ? -EPROTO :
            end_version(d, v->cook.version, 0);
    if (!rc && (v->cook.version->number != number ||
                v->cook.version->file.code != code))
        return -EPROTO;
    if (!rc && code)
        rc = take_operands(v, &c);
    while (!rc && cursor_left(&c) > 0)
        rc = v->cook.version ? take_record(d, &c) : -EPROTO;
    return rc;
}

void version_free(struct version *w)
{
    if (w)
        signature_release(&w->file);
    free(w);
}

void versions_release(struct target_disk *d)
{
    struct versions *v = d->versions;
    struct naming *n;

    if (!v)
        return;
    while ((n = v->asked)) {
        v->asked = n->next;
        free(n);
    }
    free(v->asking);
    free(v->cook.piece);
    free(v->cook.joined);
    buf_release(&v->cook.operands);
    free(v);
    d->versions = NULL;
}
