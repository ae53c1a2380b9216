/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The offer of a session's disks; see offer.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/escape.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/image/blockdev.h"
#include "plugin/image/identity.h"
#include "plugin/image/owner.h"
#include "plugin/image/stamp.h"
#include "plugin/proto.h"
#include "plugin/source/disk.h"
#include "plugin/source/doubt.h"
#include "plugin/source/offer.h"
#include "plugin/state/keyring.h"
#include "plugin/state/unfinished.h"
#include "plugin/wire/listing.h"

struct offer {
    const struct session *session;
    const struct sender_options *opt;
};

/* How far the target is with a disk. */
enum progress {
    OFFERED = 0,
    PROBED,
    ACCEPTED,
};

bool offer_moves(const struct sender_options *opt)
{
    return !strcmp(opt->mode, "migrate");
}

static uint64_t bytes_used(const struct image *img)
{
    struct stat st;

    if (img->block || fstat(img->fd, &st))
        return img->size;
    return (uint64_t)st.st_blocks * 512;
}

/* Names the listing of an earlier session, if there is one. */
static void offer_listing(const struct offer *o, struct source_disk *d,
                          struct buf *b)
{
    char hex[2 * HASH_BYTES + 1];
    uint8_t digest[HASH_BYTES];

    if (o->opt->state_dir)
        d->listing = listing_open(o->opt->state_dir, d->path, NULL);
    if (!d->listing || !listing_digest(d->listing, digest))
        return;
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    buf_put_text(b, "list", hex);
}

static struct record_key key_of(const struct sender_options *opt,
                                const struct source_disk *d)
{
    return (struct record_key){ opt->uuid, d->vdev, d->path };
}

/*
 * Whether a secret is for this target.  The copies of an image that was pushed
 * belong to the hosts that they were pushed to, and one of them could pass a
 * proof on to another; so each is shown only the secrets that were made with
 * it, under the name by which the user calls it.  A guest's disk goes to the
 * target as a whole, with its secrets.
 */
static bool is_for(const struct offer *o, const struct keyring_entry *e)
{
    return offer_moves(o->opt) || (e->peer && !strcmp(e->peer, o->opt->peer));
}

/* real: the disk's path as the offer has it. */
static int offer_proofs(const struct offer *o, struct source_disk *d,
                        const char *real, struct buf *b)
{
    struct record_key key = key_of(o->opt, d);
    struct claimed about = { .uuid = o->opt->uuid, .vdev = d->vdev,
                             .path = real };
    char hex[2 * sizeof(struct proof) + 1];
    struct proof proof;
    size_t i;
    int rc;

    if (!o->opt->state_dir)
        return 0;
    memcpy(about.nonce, wire_nonce(o->session->wire), PROTO_NONCE);
    rc = keyring_load(o->opt->state_dir, &key, &d->keyring);
    for (i = 0; i < d->keyring.n; i++) {
        if (!is_for(o, &d->keyring.list[i]))
            continue;
        secret_prove(&d->keyring.list[i].secret, &about, &proof);
        sodium_bin2hex(hex, sizeof(hex), (uint8_t *)&proof, sizeof(proof));
        buf_put_text(b, "proof", hex);
    }
    return rc;
}

static int offer_disk(const struct offer *o, struct source_disk *d)
{
    char *ids[IDENTITIES_MAX], *stamp = NULL, *real = realpath(d->path, NULL);
    struct buf b = BUF_INIT;
    struct sector_sizes sectors;
    size_t n = 0, i;
    int rc = 0;

    if (!real) {
        rc = -errno;
        log_errno(rc, "%s", d->path);
        return rc;
    }
    image_sectors(&d->image, &sectors);
    buf_put_text(&b, "vdev", d->vdev);
    buf_put_text_u64(&b, "size", d->image.size);
    buf_put_text_u64(&b, "used", bytes_used(&d->image));
    /* So that the target finds out that it has the same name for it. */
    buf_put_text(&b, "path", real);
    buf_put_text(&b, "base", path_basename(real));
    rc = offer_proofs(o, d, real, &b);
    free(real);
    buf_put_text(&b, "kind", d->image.block ? "block" : "file");
    buf_put_text_u64(&b, "sector", sectors.logical);
    owner_offer(d->image.fd, &b);
    if (d->dest)
        buf_put_text(&b, "dest", d->dest);
    if (o->opt->dry && (stamp = stamp_text(d->path)))
        buf_put_text(&b, "stamp", stamp);
    free(stamp);
    if (!rc && d->image.block)
        rc = device_identities(&identity_system, d->image.dev, ids,
                               IDENTITIES_MAX, &n);
    for (i = 0; i < n; i++) {
        buf_put_text(&b, "id", ids[i]);
        free(ids[i]);
    }
    offer_listing(o, d, &b);
    if (!rc)
        rc = wire_send_buf(o->session->wire, FRAME_DISK, d->number, &b);
    buf_release(&b);
    return rc;
}

/* Whether it is a name as only probes have it.  Of others the target would
 * learn whether they lie beside our image. */
static bool is_probe(const struct frame *f)
{
    static const char digits[] = "0123456789abcdef";
    const size_t prefix = strlen(PROTO_PROBE);
    const char *name = (const char *)f->data;
    size_t i;

    if (f->length != prefix + PROTO_PROBE_DIGITS ||
        memcmp(name, PROTO_PROBE, prefix))
        return false;
    for (i = prefix; i < f->length; i++)
        /* A zero is no digit. */
        /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
        if (!memchr(digits, name[i], strlen(digits)))
            return false;
    return true;
}

/* Whether the target's probe file is seen beside our image. */
static bool sees_probe(const struct source_disk *d, const struct frame *f)
{
    char *real = realpath(d->path, NULL), *path = NULL;
    bool seen = false;

    if (real &&
        asprintf(&path, "%.*s%.*s", (int)(path_basename(real) - real), real,
                 (int)f->length, (char *)f->data) >= 0) {
        seen = !access(path, F_OK);
        free(path);
    }
    free(real);
    return seen;
}

static int answer_probe(const struct offer *o, const struct frame *f)
{
    uint8_t seen = sees_probe(o->session->disks[f->disk], f);

    return wire_send(o->session->wire, FRAME_PROBED, f->disk, &seen, 1);
}

static void show_abandoned(const struct offer *o, const struct frame *f)
{
    struct unfinished a = { 0, 0 };
    uint64_t count, days;

    if (!text_valid(f->data, f->length) ||
        text_get_u64(f->data, f->length, "abandoned", &count) ||
        text_get_u64(f->data, f->length, "abandoned_bytes", &a.bytes) ||
        text_get_u64(f->data, f->length, "abandoned_days", &days))
        return;
    a.count = count < UINT_MAX ? count : UINT_MAX;
    unfinished_remind(o->session->peer, &a, days < UINT_MAX ? days : UINT_MAX);
}

static int say_hello(const struct offer *o)
{
    struct buf b = BUF_INIT;
    int rc;

    buf_put_text(&b, "mode", o->opt->mode);
    buf_put_text(&b, "name", o->opt->name);
    buf_put_text(&b, "uuid", o->opt->uuid);
    buf_put_text_u64(&b, "timeout", wire_timeout(o->session->wire));
    if (o->opt->dry)
        buf_put_text(&b, "dry", "1");
    rc = wire_send_buf(o->session->wire, FRAME_HELLO, PROTO_NO_DISK, &b);
    buf_release(&b);
    return rc;
}

/* Whether the target describes files only to whoever shows that it has them. */
static int take_proof(const struct offer *o, const struct frame *f)
{
    uint8_t key[PROTO_SIGNATURE_KEY];
    const char *hex;
    unsigned i;
    size_t n;

    if (!text_valid(f->data, f->length))
        return -EPROTO;
    hex = text_get(f->data, f->length, "proof", 0);
    if (!hex)
        return 0;
    if (sodium_hex2bin(key, sizeof(key), hex, strlen(hex), NULL, &n, NULL) ||
        n != sizeof(key))
        return -EPROTO;
    for (i = 0; i < o->session->n_disks; i++) {
        o->session->disks[i]->proves = true;
        memcpy(o->session->disks[i]->proof_key, key, sizeof(key));
    }
    return 0;
}

static int hear_hello(const struct offer *o)
{
    struct frame f;
    int rc = inbox_expect(o->session->inbox, PROTO_NO_DISK, FRAME_HELLO, &f);

    if (rc)
        return rc;
    show_abandoned(o, &f);
    rc = take_proof(o, &f);
    if (rc)
        rc = inbox_misplaced(o->session->inbox, &f);
    frame_release(&f);
    return rc;
}

/* Unlike the logical size, it tells a guest only what is fast, and what is
 * written as a whole. */
static void compare_physical(const struct offer *o,
                             const struct source_disk *d,
                             const struct frame *f)
{
    struct sector_sizes here;
    uint64_t there;

    image_sectors(&d->image, &here);
    if (!text_get_u64(f->data, f->length, "physical", &there) &&
        there != here.physical)
        log_warn("disk %s: its physical sectors have %u bytes here and "
                 "%" PRIu64 " at %s, which the guest will see", d->vdev,
                 here.physical, there, o->session->peer);
}

static bool take_name(const char *hex, uint8_t name[PROTO_SECRET_NAME])
{
    size_t n = 0;

    return hex && !sodium_hex2bin(name, PROTO_SECRET_NAME, hex, strlen(hex),
                                  NULL, &n, NULL) && n == PROTO_SECRET_NAME;
}

/* Takes the secret of the copy that is to be made, and keeps it for the next
 * session, which may be the next try of this one. */
static void take_secret(const struct offer *o, struct source_disk *d,
                        const struct frame *f)
{
    const char *known = text_get(f->data, f->length, "known", 0);
    struct record_key key = key_of(o->opt, d);
    struct keyring_change change = {
        .add = &d->secret, .n = 1, .peer = o->opt->peer,
    };
    uint8_t name[PROTO_SECRET_NAME];
    const struct secret *s;

    d->replaces = take_name(text_get(f->data, f->length, "replaces", 0),
                            d->replaced);
    if (take_name(known, name)) {
        s = keyring_find(&d->keyring, name);
        if (s)
            d->secret = *s;
    } else if (secret_parse(text_get(f->data, f->length, "secret", 0),
                            &d->secret) && o->opt->state_dir) {
        /* Without it there is one more copy that nobody can use. */
        keyring_change(o->opt->state_dir, &key, &change);
    }
}

void offer_forget_replaced(const struct sender_options *opt,
                           const struct source_disk *d)
{
    struct record_key key = key_of(opt, d);
    struct keyring_change change = { .drop = d->replaced };

    if (d->replaces && opt->state_dir)
        keyring_change(opt->state_dir, &key, &change);
}

static int take_accepted(const struct offer *o, struct source_disk *d,
                         const struct frame *f)
{
    const char *base, *list, *there;
    char shown[1024];

    if (!text_valid(f->data, f->length))
        return -EPROTO;
    base = text_get(f->data, f->length, "base", 0);
    d->base = base && !strcmp(base, "1");
    compare_physical(o, d, f);
    if (!o->opt->dry)
        take_secret(o, d, f);
    list = text_get(f->data, f->length, "list", 0);
    if (list && !strcmp(list, "1")) {
        if (!d->listing || !listing_agree(d->listing))
            return -EPROTO;
    }
    there = text_get(f->data, f->length, "witness", 0);
    return there ?
        doubt_begin(d, text_escape(there, shown, sizeof(shown))) : 0;
}

/* Takes a frame of the target's while it makes up its mind.  progress: by the
 * number of the disk; each is probed for once. */
static int take_answer(const struct offer *o, const struct frame *f,
                       enum progress *progress)
{
    const struct session *s = o->session;
    int rc;

    if (f->disk >= s->n_disks || progress[f->disk] == ACCEPTED)
        return inbox_misplaced(s->inbox, f);
    if (f->type == FRAME_PROBE && progress[f->disk] == OFFERED && is_probe(f)) {
        progress[f->disk] = PROBED;
        return answer_probe(o, f);
    }
    if (f->type != FRAME_DISK_OK)
        return inbox_misplaced(s->inbox, f);
    progress[f->disk] = ACCEPTED;
    rc = take_accepted(o, s->disks[f->disk], f);
    return rc ? inbox_misplaced(s->inbox, f) : 0;
}

static bool all_accepted(const enum progress *progress, unsigned n)
{
    while (n > 0 && progress[n - 1] == ACCEPTED)
        n--;
    return n == 0;
}

int offer_send(const struct session *s, const struct sender_options *opt)
{
    const struct offer o = { s, opt };
    enum progress *progress = calloc(s->n_disks + 1, sizeof(*progress));
    struct frame f;
    unsigned i;
    int rc;

    rc = progress ? say_hello(&o) : -ENOMEM;
    for (i = 0; i < s->n_disks && !rc; i++)
        rc = offer_disk(&o, s->disks[i]);
    if (!rc)
        rc = wire_send(s->wire, FRAME_DISKS_END, PROTO_NO_DISK, NULL, 0);
    if (!rc)
        rc = hear_hello(&o);
    while (!rc && !all_accepted(progress, s->n_disks)) {
        rc = inbox_next(s->inbox, PROTO_NO_DISK, &f);
        if (rc)
            break;
        rc = take_answer(&o, &f, progress);
        frame_release(&f);
    }
    free(progress);
    return rc ? rc : inbox_split(s->inbox, s->n_disks);
}
