/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks are offered, checked and accepted; see offer.h. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/budget.h"
#include "plugin/base/escape.h"
#include "plugin/base/paths.h"
#include "plugin/image/identity.h"
#include "plugin/image/stamp.h"
#include "plugin/image/vbd.h"
#include "plugin/state/unfinished.h"
#include "plugin/target/destination_check.h"
#include "plugin/target/destination_enter.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/offer.h"
#include "plugin/target/segments.h"
#include "plugin/target/session.h"
#include "plugin/target/witness.h"
#include "plugin/wire/listing.h"

/* The admin sits at the source. */
static void put_abandoned(const struct receiver *r, struct buf *b)
{
    struct unfinished a;

    unfinished_count(r->conf->state_dir, r->conf->remind_days, r->uuid, &a);
    if (!a.count)
        return;
    buf_put_text_u64(b, "abandoned", a.count);
    buf_put_text_u64(b, "abandoned_bytes", a.bytes);
    buf_put_text_u64(b, "abandoned_days", r->conf->remind_days);
}

/* The key is this session's, so that nobody has values under it before. */
static void ask_for_proofs(struct receiver *r, struct buf *b)
{
    char hex[2 * PROTO_SIGNATURE_KEY + 1];

    r->told.proven = r->conf->proven;
    if (!r->told.proven)
        return;
    randombytes_buf(r->told.proof_key, sizeof(r->told.proof_key));
    sodium_bin2hex(hex, sizeof(hex), r->told.proof_key,
                   sizeof(r->told.proof_key));
    buf_put_text(b, "proof", hex);
}

/* Else the xl of this host does. */
static bool source_names_paths(const struct receiver *r)
{
    return r->push || r->dry;
}

/* Each mode has its command here, so that whoever may only have one of them run
 * gets no more than that.  Only a dry run of either goes to the same, for there
 * is no xl then. */
static int take_mode(struct receiver *r, const char *mode)
{
    bool beside_xl = r->events.restore != NULL;

    r->push = !strcmp(mode, "push");
    if (!r->push && strcmp(mode, "migrate"))
        return -EPROTO;
    if (r->push && beside_xl)
        session_refuse(r, "the command there must end up running 'xl-dedup "
                       "receive', not 'xl-dedup receive-xl', which takes no "
                       "images but those of a guest that migrates");
    else if (!r->push && !beside_xl && !r->dry)
        session_refuse(r, "the command there must end up running 'xl-dedup "
                       "receive-xl', not 'xl-dedup receive', which takes no "
                       "guests");
    return r->failed ? -ENOTSUP : 0;
}

int offer_take_hello(struct receiver *r, const struct frame *f)
{
    struct buf b = BUF_INIT;
    const char *uuid, *mode, *dry;
    uint64_t timeout;
    char host[256] = "";
    int rc;

    if (r->uuid || !text_valid(f->data, f->length))
        return -EPROTO;
    uuid = text_get(f->data, f->length, "uuid", 0);
    mode = text_get(f->data, f->length, "mode", 0);
    if (!uuid || !mode)
        return -EPROTO;
    dry = text_get(f->data, f->length, "dry", 0);
    r->dry = dry && !strcmp(dry, "1");
    rc = take_mode(r, mode);
    if (rc)
        return rc;
    r->uuid = strdup(uuid);
    if (!r->uuid)
        return -ENOMEM;
    /* The source gives up then; here nobody has to wait for longer than this
     * host's administrator allows. */
    if (text_get_u64(f->data, f->length, "timeout", &timeout) ||
        timeout < WIRE_TIMEOUT_MIN)
        timeout = wire_timeout(r->wire);
    wire_set_timeout(r->wire, timeout < r->conf->timeout_limit ?
                     timeout : r->conf->timeout_limit);
    gethostname(host, sizeof(host) - 1);
    buf_put_text(&b, "host", host);
    put_abandoned(r, &b);
    ask_for_proofs(r, &b);
    rc = wire_send_buf(r->wire, FRAME_HELLO, PROTO_NO_DISK, &b);
    buf_release(&b);
    return rc;
}

static int take_ids(struct target_disk *d, const struct frame *f)
{
    const char *id;

    d->ids = calloc(IDENTITIES_MAX, sizeof(*d->ids));
    if (!d->ids)
        return -ENOMEM;
    while (d->n_ids < IDENTITIES_MAX &&
           (id = text_get(f->data, f->length, "id", d->n_ids))) {
        d->ids[d->n_ids] = strdup(id);
        if (!d->ids[d->n_ids++])
            return -ENOMEM;
    }
    return 0;
}

/* A disk of a migration is named as its guest knows it, that of a push by its
 * path.  It is in every message and in the records. */
static bool names_disk(const struct receiver *r, const char *vdev)
{
    return r->push ? *vdev && strlen(vdev) <= PROTO_VDEV_MAX &&
        text_is_printable(vdev) : vbd_name_is_one(vdev);
}

static bool take_hex(const char *hex, size_t digits, uint8_t *bytes,
                     size_t length)
{
    size_t n = 0;

    return digits == 2 * length &&
        !sodium_hex2bin(bytes, length, hex, digits, NULL, &n, NULL) &&
        n == length;
}

/* What the source shows to have been told here before. */
static int take_proofs(struct receiver *r, struct target_disk *d,
                       const struct frame *f)
{
    const char *path = text_get(f->data, f->length, "path", 0), *hex;
    struct proofs *p = &d->shown;
    size_t name = 2 * PROTO_SECRET_NAME;

    d->source_path = strdup(path ? path : "");
    if (!d->source_path)
        return -ENOMEM;
    p->about = (struct claimed){ .uuid = r->uuid, .vdev = d->vdev,
                                 .path = d->source_path };
    memcpy(p->about.nonce, wire_nonce(r->wire), PROTO_NONCE);
    while ((hex = text_get(f->data, f->length, "proof", p->n))) {
        if (p->n == PROTO_PROOFS_MAX || strlen(hex) <= name ||
            !take_hex(hex, name, p->list[p->n].name, PROTO_SECRET_NAME) ||
            !take_hex(hex + name, strlen(hex) - name, p->list[p->n].bytes,
                      PROTO_PROOF))
            return -EPROTO;
        p->n++;
    }
    return 0;
}

static int describe_disk(struct receiver *r, struct target_disk *d,
                         const struct frame *f)
{
    const char *vdev = text_get(f->data, f->length, "vdev", 0);
    const char *base = text_get(f->data, f->length, "base", 0);
    const char *kind = text_get(f->data, f->length, "kind", 0);
    const char *dest = text_get(f->data, f->length, "dest", 0);
    const char *stamp = text_get(f->data, f->length, "stamp", 0);
    uint64_t sector = 0;

    if (!vdev || !names_disk(r, vdev) || !base || !kind ||
        (source_names_paths(r) && !dest) ||
        text_get_u64(f->data, f->length, "size", &d->size) ||
        text_get_u64(f->data, f->length, "used", &d->dest.used) ||
        d->size == 0 || d->size > PROTO_DISK_BYTES_MAX)
        return -EPROTO;
    d->vdev = strdup(vdev);
    d->base = strdup(base);
    if (source_names_paths(r))
        d->path = strdup(dest);
    if (!d->vdev || !d->base || (source_names_paths(r) && !d->path))
        return -ENOMEM;
    if (r->dry && stamp) {
        d->stamp = strdup(stamp);
        if (!d->stamp)
            return -ENOMEM;
    }
    d->dry = r->dry;
    d->dest.served = !r->push;
    if (!text_get_u64(f->data, f->length, "sector", &sector))
        d->dest.sectors.logical = sector < UINT_MAX ? sector : UINT_MAX;
    owner_take(f->data, f->length, &d->dest.owner);
    return take_ids(d, f);
}

static int take_list(struct target_disk *d, const struct frame *f)
{
    const char *hex = text_get(f->data, f->length, "list", 0);
    size_t n;

    if (!hex)
        return 0;
    d->lists = !sodium_hex2bin(d->offered_list, HASH_BYTES, hex, strlen(hex),
                               NULL, &n, NULL) && n == HASH_BYTES;
    return d->lists ? 0 : -EPROTO;
}

int offer_take_disk(struct receiver *r, const struct frame *f)
{
    struct target_disk *d, **list;
    int rc;

    if (!r->uuid || r->offered || f->disk != r->n_disks ||
        r->n_disks >= PROTO_DISKS_MAX || !text_valid(f->data, f->length))
        return -EPROTO;
    /* What it says may be said twice here: as it came, and resolved. */
    rc = budget_take(r->budget, sizeof(*d) + 2 * f->length,
                     "what is said of a disk");
    if (rc)
        return rc;
    list = realloc(r->disks, (r->n_disks + 1) * sizeof(*list));
    d = calloc(1, sizeof(*d));
    if (list)
        r->disks = list;
    if (!list || !d) {
        free(d);
        return -ENOMEM;
    }
    r->disks[r->n_disks++] = d;
    pthread_mutex_init(&d->lock, NULL);
    d->number = f->disk;
    d->dest = (struct destination)DESTINATION_INIT;
    d->wire = r->wire;
    d->pool = r->pool;
    d->references = r->references;
    d->budget = r->budget;
    d->dest.budget = r->budget;
    d->blocks_left = &r->blocks_left;
    d->told = &r->told;
    rc = describe_disk(r, d, f);
    if (!rc)
        rc = take_proofs(r, d, f);
    if (!rc)
        rc = take_list(d, f);
    return rc;
}

static int find_path(struct receiver *r, struct target_disk *d)
{
    const struct known_path *p;

    if (source_names_paths(r))
        return 0;
    for (p = r->paths; p; p = p->next)
        if (!strcmp(p->vdev, d->vdev)) {
            d->path = strdup(p->path);
            return d->path ? 0 : -ENOMEM;
        }
    session_refuse(r, "disk %s: the configuration that arrived does not have "
                   "it; was another one given with -C?", d->vdev);
    return -ENOENT;
}

static void fail_shared(struct receiver *r, const struct target_disk *d)
{
    session_refuse(r, "disk %s: %s is the same storage on both hosts; nothing "
                   "is to be copied: use xl migrate without --dedup", d->vdev,
                   d->path);
}

/* Whether a device here is the one that the source reads. */
static int find_same_device(const struct target_disk *d, bool *same)
{
    char *ids[IDENTITIES_MAX];
    struct stat st;
    size_t n, i, j;
    int rc;

    *same = false;
    if (d->n_ids == 0 || destination_stat(&d->dest, &st) ||
        !S_ISBLK(st.st_mode))
        return 0;
    rc = device_identities(&identity_system, st.st_rdev, ids, IDENTITIES_MAX,
                           &n);
    for (i = 0; i < n; i++) {
        for (j = 0; j < d->n_ids; j++)
            *same = *same || !strcmp(ids[i], d->ids[j]);
        free(ids[i]);
    }
    return rc;
}

/* Whether the listing of an earlier session is the one that the source has.  It
 * is the listing of the copy that is here, and as much a secret. */
static bool knows_list(struct receiver *r, struct target_disk *d)
{
    uint8_t digest[HASH_BYTES];

    d->known_list = listing_open(r->conf->state_dir, d->path, r->budget);
    if (!d->lists || !d->known_list || !d->dest.earlier.own.set ||
        !listing_digest(d->known_list, digest) ||
        memcmp(digest, d->offered_list, HASH_BYTES))
        return false;
    return listing_agree(d->known_list);
}

static void put_name_of(struct buf *b, const char *key, const struct secret *s)
{
    char hex[2 * PROTO_SECRET_NAME + 1];
    uint8_t name[PROTO_SECRET_NAME];

    secret_name(s, name);
    sodium_bin2hex(hex, sizeof(hex), name, sizeof(name));
    buf_put_text(b, key, hex);
}

/* Tells the secret of what is made, or which of those that were shown it is,
 * and which one will not be needed any more. */
static void put_secret(const struct target_disk *d, struct buf *b)
{
    const struct destination *dest = &d->dest;
    char hex[SECRET_HEX];

    if (proofs_show(&d->shown, &dest->claim.own)) {
        put_name_of(b, "known", &dest->claim.own);
    } else {
        secret_print(&dest->claim.own, hex);
        buf_put_text(b, "secret", hex);
    }
    if (dest->earlier.own.set &&
        !secret_same(&dest->earlier.own, &dest->claim.own))
        put_name_of(b, "replaces", &dest->earlier.own);
}

static int accept_disk(struct receiver *r, struct target_disk *d)
{
    char why[WHY_BYTES] = "out of memory";
    struct buf b = BUF_INIT;
    int rc;

    rc = d->dry ? destination_look(&d->dest, why, sizeof(why)) :
        destination_open(&d->dest, why, sizeof(why));
    if (rc) {
        session_refuse(r, "disk %s: %s", d->vdev, why);
        return rc;
    }
    /* Now that there is a file or device of that size. */
    rc = segments_init(d);
    if (rc)
        return rc;
    d->accepted = true;
    d->comparing = d->dest.block ? !d->dest.blank : d->dest.resumed;
    r->n_accepted++;
    if (d->dest.foreign)
        segments_are_foreign(d);
    if (!d->dry)
        put_secret(d, &b);
    buf_put_text(&b, "base", d->comparing ? "1" : "0");
    if (d->dest.own.physical)
        buf_put_text_u64(&b, "physical", d->dest.own.physical);
    witness_seal(d);
    if (d->doubtful)
        buf_put_text(&b, "witness", d->path);
    if (knows_list(r, d))
        buf_put_text(&b, "list", "1");
    rc = wire_send_buf(r->wire, FRAME_DISK_OK, d->number, &b);
    buf_release(&b);
    return rc;
}

/* Nothing is made ready before all disks have been found good. */
static int accept_all(struct receiver *r)
{
    unsigned i;
    int rc = 0;

    wire_set_packed(r->wire, WIRE_PACKED_HOLD);
    for (i = 0; i < r->n_disks && !rc; i++)
        rc = accept_disk(r, r->disks[i]);
    return rc;
}

static int check_destination(struct receiver *r, struct target_disk *d)
{
    char why[WHY_BYTES] = "out of memory";
    int rc = destination_check(&d->dest, why, sizeof(why));

    if (rc) {
        session_refuse(r, "disk %s: %s", d->vdev, why);
        return rc;
    }
    r->n_checked++;
    return r->n_checked == r->n_disks ? accept_all(r) : 0;
}

/* Whether the disks of the session may only go to what the list has.  A path
 * that xl was given is root's word, as the program is that xl is to run. */
static bool is_confined(const struct receiver *r)
{
    return r->conf->confine == CONFINE_ALL ||
        (r->conf->confine == CONFINE_PUSHES && r->push);
}

static int list_places(struct receiver *r)
{
    return is_confined(r) && !r->places ?
        destination_list_new(&r->places, r->conf, r->busy) : 0;
}

/* From here on the disk's path is where it really goes. */
static int enter_path(struct receiver *r, struct target_disk *d)
{
    char why[WHY_BYTES] = "out of memory", *resolved;
    int rc;

    d->dest.path = d->path;
    d->dest.size = d->size;
    rc = destination_enter(&d->dest, r->places, &resolved, why, sizeof(why));
    d->named = d->path;
    d->path = resolved;
    if (rc)
        session_refuse(r, "disk %s: %s", d->vdev, why);
    return rc;
}

/* Shared storage comes first: what else there is to say of it (it exists, it
 * is in use) only follows from that. */
static int check_disk(struct receiver *r, struct target_disk *d)
{
    bool same;
    int rc;

    rc = find_path(r, d);
    if (!rc)
        rc = enter_path(r, d);
    if (rc)
        return rc;
    d->dest.uuid = r->uuid;
    d->dest.vdev = d->vdev;
    d->dest.busy = r->busy;
    d->dest.state_dir = r->conf->state_dir;
    d->dest.shown = &d->shown;
    d->dest.guard_program = "/proc/self/exe";
    d->dest.is_wanted = session_is_wanted;
    d->dest.opaque = r;
    rc = find_same_device(d, &same);
    if (rc) {
        session_refuse(r, "disk %s: out of memory", d->vdev);
        return rc;
    }
    if ((d->stamp && stamp_text_is(d->path, d->stamp)) || same) {
        fail_shared(r, d);
        return -EEXIST;
    }
    /* Where no file can be made, the check will find the reason. */
    if (!d->dry && !destination_probe(&d->dest, &d->probe) && d->probe)
        return wire_send(r->wire, FRAME_PROBE, d->number, d->probe,
                         strlen(d->probe));
    return check_destination(r, d);
}

int offer_take_probed(struct receiver *r, struct target_disk *d,
                       const struct frame *f)
{
    /* Before the probe a disk of a migration has no path. */
    if (!d->probe || f->length != 1)
        return -EPROTO;
    destination_unprobe(&d->dest, d->probe);
    d->probe = NULL;
    if (f->data[0] && !strcmp(path_basename(d->path), d->base)) {
        fail_shared(r, d);
        return -EEXIST;
    }
    return check_destination(r, d);
}

int offer_take_disks_end(struct receiver *r)
{
    unsigned i;
    int rc;

    if (!r->uuid || r->offered)
        return -EPROTO;
    r->offered = true;
    rc = session_raise(r, r->events.configured);
    if (!rc)
        rc = list_places(r);
    for (i = 0; i < r->n_disks && !rc; i++)
        rc = check_disk(r, r->disks[i]);
    return rc;
}
