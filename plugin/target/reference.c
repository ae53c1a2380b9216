/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the target already holds; see reference.h.
 *
 * Each allowed image has a slot; the slot knows under which id the index lists
 * the image now.  A thread of ours starts the refresh, looks from time to time
 * whether the index has changed (whoever has changed it), and updates the ids.
 *
 * lock: covers the ids, the opened images and what is waited for.  It is a
 * leaf apart from the log's.  The list of images does not change any more when
 * searching begins.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/image/image_list.h"
#include "plugin/index/index.h"
#include "plugin/index/index_forget.h"
#include "plugin/index/index_open.h"
#include "plugin/target/reference.h"
#include "plugin/target/refresh.h"

#define PLACES_MAX 64               /* looked at for one object */
#define WRONG_MAX 4096u             /* entries noted in a session; the next
                                       one finds the others */
#define LOOK_MS 100                 /* between looks at the index */
#define WINDOW (4u << 20)           /* bytes asked for at a time while an
                                       image is read */
#define LINK_IDLE 1                 /* seconds: then something is asked for in
                                       any case */

enum slot_state {
    SLOT_MISSING,                   /* not indexed, or without names */
    SLOT_CHANGED,                   /* written to since it was read */
    SLOT_CURRENT,
};

struct slot {
    enum slot_state state;
    bool named;
    uint32_t id;                    /* 0: not indexed */
    bool opened;                    /* or tried to */
    struct image image;
};

struct references {
    const struct configuration *conf;
    const char *program;
    struct image_list list;
    /* As many as the list has.  Their lock is taken in transactions of the
     * store, and in the other lock, and nothing is waited for in it.  In the
     * other lock transactions are begun, which may wait until all that run have
     * ended: it must not be taken in one. */
    struct slot *slots;
    pthread_mutex_t slots_lock;
    char *directory;                /* of the index */
    bool temporary;
    bool keep;                      /* nothing is written to the host's */
    bool writable;                  /* it is, and open */
    struct store *store;            /* NULL: there is none */
    uint64_t generation;            /* of the store, when last looked at */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool running;                   /* there is a thread */
    bool waiting_pays;              /* an image is read for the first time */
    bool stop;
    struct index_wrong *wrong;      /* to be removed from the index */
    size_t n_wrong;
    uint64_t news;
    uint64_t asked;                 /* bytes, and not arrived yet */
    time_t deadline;
    time_t last_asked;
};

static time_t now(void)
{
    return monotonic_ms() / 1000;
}

int references_new(struct references **r_r, const struct configuration *conf,
                   const char *program)
{
    struct references *r = calloc(1, sizeof(*r));

    if (!r)
        return -ENOMEM;
    r->conf = conf;
    r->program = program;
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->slots_lock, NULL);
    monotonic_cond_init(&r->changed);
    *r_r = r;
    return 0;
}

void references_stop(struct references *r)
{
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

void references_end_refresh(struct references *r)
{
    references_stop(r);
    if (r->running)
        pthread_join(r->thread, NULL);
    r->running = false;
}

static void remove_temporary(const char *directory)
{
    static const char *const files[] = { "index/data.mdb", "index/lock.mdb",
                                         "index", "index.lock",
                                         "index.writer", "" };
    char *parent = strdup(directory), *slash, *path;
    size_t i;

    slash = parent ? strrchr(parent, '/') : NULL;
    if (slash) {
        *slash = '\0';
        for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
            if (asprintf(&path, "%s/%s", parent, files[i]) >= 0) {
                remove(path);
                free(path);
            }
    }
    free(parent);
}

/* At once and at the end: each time the storage is waited for. */
static void forget_wrong(struct references *r)
{
    int rc = r->store && r->n_wrong > 0 ?
        index_forget(r->store, r->wrong, r->n_wrong) : 0;

    /* They are found again. */
    if (rc)
        log_info("entries of the index that were wrong stay: %s",
                 strerror(-rc));
    free(r->wrong);
}

void references_free(struct references *r)
{
    size_t i;

    if (!r)
        return;
    references_end_refresh(r);
    for (i = 0; r->slots && i < r->list.n; i++)
        image_release(&r->slots[i].image);
    forget_wrong(r);
    store_close(r->store);
    if (r->temporary)
        remove_temporary(r->directory);
    free(r->directory);
    free(r->slots);
    image_list_release(&r->list);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->slots_lock);
    free(r);
}

void references_keep_index(struct references *r)
{
    r->keep = true;
}

int references_add(struct references *r, const char *path)
{
    int rc = image_list_add(&r->list, path);

    if (!rc || rc == -ENOMEM)
        return rc;
    log_errno(rc, "%s is left out as a reference", path);
    return 0;
}

/* Slots */

struct slot_update {
    struct references *r;
    bool *listed;
};

static int update_slot(void *opaque, const struct index_image *i)
{
    struct slot_update *u = opaque;
    struct references *r = u->r;
    enum slot_state state = SLOT_CURRENT;
    struct stamp stamp;
    size_t n;

    for (n = 0; n < r->list.n; n++)
        if (!strcmp(r->list.items[n].path, i->path))
            break;
    if (n == r->list.n)
        return 0;
    u->listed[n] = true;
    if (!i->named)
        state = SLOT_MISSING;
    else if (stamp_of(i->path, &stamp) || !stamp_same(&stamp, &i->stamp))
        state = SLOT_CHANGED;
    pthread_mutex_lock(&r->slots_lock);
    r->slots[n].id = i->id;
    r->slots[n].named = i->named;
    r->slots[n].state = state;
    pthread_mutex_unlock(&r->slots_lock);
    return 0;
}

/* With the lock held. */
static void update_slots(struct references *r)
{
    struct slot_update u = { r, calloc(r->list.n + 1, sizeof(bool)) };
    MDB_txn *t;
    size_t i;

    if (!u.listed || store_read(r->store, &t)) {
        free(u.listed);
        return;
    }
    index_images(r->store, t, false, update_slot, &u);
    store_read_end(r->store, t);
    pthread_mutex_lock(&r->slots_lock);
    for (i = 0; i < r->list.n; i++)
        if (!u.listed[i])
            r->slots[i] = (struct slot){ .image = r->slots[i].image,
                                         .opened = r->slots[i].opened };
    pthread_mutex_unlock(&r->slots_lock);
    free(u.listed);
}

static size_t count_slots(const struct references *r, enum slot_state state)
{
    size_t i, n = 0;

    for (i = 0; i < r->list.n; i++)
        n += r->slots[i].state == state;
    return n;
}

/* Refresh */

/* With the lock held. */
static void look(struct references *r)
{
    uint64_t generation = store_generation(r->store);

    if (generation == r->generation)
        return;
    r->generation = generation;
    update_slots(r);
    if (count_slots(r, SLOT_MISSING) == 0)
        r->waiting_pays = false;
    r->news++;
    pthread_cond_broadcast(&r->changed);
}

/* With the lock held. */
static void pause_for(struct references *r, unsigned ms)
{
    struct timespec until = monotonic_in(ms);

    pthread_cond_timedwait(&r->changed, &r->lock, &until);
}

/* Has those images read that are in this state.  Called and returns with the
 * lock held. */
static void read_images(struct references *r, enum slot_state state)
{
    char **paths = calloc(r->list.n + 1, sizeof(*paths));
    pid_t pid = -1;
    size_t i, n = 0;
    bool ended;

    for (i = 0; paths && i < r->list.n; i++)
        if (r->slots[i].state == state)
            paths[n++] = r->list.items[i].path;
    if (n && !r->stop)
        pid = refresh_start(r->program, r->directory, paths, n,
                            state == SLOT_CHANGED);
    free(paths);
    if (pid < 0)
        return;
    do {
        pause_for(r, LOOK_MS);
        ended = refresh_ended(pid);
        look(r);
    } while (!ended && !r->stop);
    if (!ended)
        refresh_stop(pid);
}

static void *refresh(void *opaque)
{
    struct references *r = opaque;

    pthread_mutex_lock(&r->lock);
    read_images(r, SLOT_MISSING);
    r->waiting_pays = false;
    pthread_cond_broadcast(&r->changed);
    read_images(r, SLOT_CHANGED);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* Start */

static int open_index(struct references *r, const char *state_dir,
                      bool read_only)
{
    struct store_options opt = { .read_only = read_only };
    int rc;

    free(r->directory);
    r->directory = index_directory(state_dir);
    if (!r->directory)
        return -ENOMEM;
    /* As who writes does it: the state directory may not be there yet. */
    if (!read_only) {
        rc = index_prepare(r->directory);
        if (rc)
            return rc;
    }
    return index_open(&r->store, r->directory, &opt);
}

static int open_temporary(struct references *r)
{
    const char *const places[] = { getenv("TMPDIR"), "/var/tmp", "/tmp",
                                   "/run", "/dev/shm" };
    char *directory;
    size_t i;
    int rc = -ENOENT;

    for (i = 0; i < sizeof(places) / sizeof(places[0]) && rc; i++) {
        if (!places[i])
            continue;
        if (asprintf(&directory, "%s/xl-dedup-index-XXXXXX", places[i]) < 0)
            return -ENOMEM;
        if (mkdtemp(directory)) {
            rc = open_index(r, directory, false);
            r->temporary = true;
            if (rc)
                remove_temporary(r->directory);
        }
        free(directory);
    }
    r->temporary = !rc;
    return rc;
}

/* An index that can be written to; else one to read that lacks nothing; else
 * one of our own. */
static int find_index(struct references *r)
{
    int rc = r->keep ? -EROFS : open_index(r, r->conf->state_dir, false);

    r->writable = !rc;
    if (!rc)
        return 0;
    if (!r->keep)
        log_warn("%s: the index cannot be written to (%s)",
                 r->conf->state_dir, strerror(-rc));
    if (!open_index(r, r->conf->state_dir, true)) {
        update_slots(r);
        if (!r->program || !count_slots(r, SLOT_MISSING))
            return 0;
        store_close(r->store);
        r->store = NULL;
    }
    rc = open_temporary(r);
    if (rc)
        log_errno(rc, "no index can be made; nothing is taken from "
                  "references");
    return rc;
}

int references_start(struct references *r)
{
    size_t i, missing;
    int rc;

    rc = image_list_add_globs(&r->list, r->conf->references,
                              r->conf->n_references);
    if (rc || r->list.n == 0)
        return rc;
    r->slots = calloc(r->list.n, sizeof(*r->slots));
    if (!r->slots)
        return -ENOMEM;
    for (i = 0; i < r->list.n; i++)
        r->slots[i].image = (struct image)IMAGE_INIT;
    pthread_mutex_lock(&r->lock);
    rc = find_index(r);
    if (!rc) {
        r->generation = store_generation(r->store);
        update_slots(r);
        missing = count_slots(r, SLOT_MISSING);
        r->waiting_pays = missing > 0;
        r->deadline = now() + r->conf->index_wait;
        if (r->program && (!r->keep || r->temporary) &&
            (missing || count_slots(r, SLOT_CHANGED)))
            r->running = !pthread_create(&r->thread, NULL, refresh, r);
        r->waiting_pays = missing > 0 && r->running;
    }
    pthread_mutex_unlock(&r->lock);
    return rc == -ENOMEM ? rc : 0;
}

struct store *references_store(const struct references *r,
                               const char **directory_r)
{
    *directory_r = r->directory;
    return r->writable ? r->store : NULL;
}

/* Waiting */

uint64_t references_news(struct references *r)
{
    uint64_t news;

    pthread_mutex_lock(&r->lock);
    news = r->news;
    pthread_mutex_unlock(&r->lock);
    return news;
}

/* With the lock held. */
static bool may_ask(const struct references *r)
{
    time_t t = now();

    if (r->stop || !r->waiting_pays)
        return true;
    return t >= r->deadline &&
        (r->asked < WINDOW || t > r->last_asked + LINK_IDLE);
}

bool references_wait(struct references *r, uint64_t news, uint64_t size)
{
    bool again;

    pthread_mutex_lock(&r->lock);
    while (r->news == news && !may_ask(r))
        pause_for(r, LOOK_MS);
    again = r->news != news && !r->stop;
    if (!again && r->waiting_pays) {
        r->asked += size;
        r->last_asked = now();
    }
    pthread_mutex_unlock(&r->lock);
    return again;
}

void references_arrived(struct references *r, uint64_t bytes)
{
    pthread_mutex_lock(&r->lock);
    r->asked -= bytes < r->asked ? bytes : r->asked;
    if (r->waiting_pays)
        pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

/* Searching */

/* With the slots' lock held. */
static const struct image *open_slot(struct references *r, size_t i)
{
    struct slot *s = &r->slots[i];

    if (!s->opened)
        image_open(&s->image, r->list.items[i].path);
    s->opened = true;
    return s->image.fd >= 0 ? &s->image : NULL;
}

/* The image, open, or NULL: not one of this session's, or not to be read. */
static const struct image *image_of(struct references *r, uint32_t id)
{
    const struct image *found = NULL;
    size_t i;

    pthread_mutex_lock(&r->slots_lock);
    for (i = 0; i < r->list.n; i++)
        if (r->slots[i].id == id)
            break;
    if (i < r->list.n)
        found = open_slot(r, i);
    pthread_mutex_unlock(&r->slots_lock);
    return found;
}

size_t references_count(const struct references *r)
{
    return r->slots ? r->list.n : 0;
}

const struct image *references_image(struct references *r, size_t i)
{
    const struct image *image;

    pthread_mutex_lock(&r->slots_lock);
    image = open_slot(r, i);
    pthread_mutex_unlock(&r->slots_lock);
    return image;
}

static bool is_object(const struct index_object *o, const uint8_t *digest,
                      uint64_t size)
{
    return o->size == size && !memcmp(o->digest, digest, PROTO_SHORT_DIGEST);
}

/* Whether an image is one of this session's. */
static bool is_ours(void *opaque, uint32_t id)
{
    struct references *r = opaque;
    size_t i;

    pthread_mutex_lock(&r->slots_lock);
    for (i = 0; i < r->list.n && r->slots[i].id != id; i++)
        ;
    pthread_mutex_unlock(&r->slots_lock);
    return i < r->list.n;
}

bool references_find(struct references *r, const uint8_t *short_digest,
                     uint64_t size, unsigned nth, struct basis *h_r)
{
    const struct index_filter ours = { is_ours, r };
    struct index_place places[PLACES_MAX];
    const struct image *image;
    struct index_object o;
    bool found = false;
    MDB_txn *t;
    int n, i;

    if (!r->store || store_read(r->store, &t))
        return false;
    n = index_by_hash(r->store, t, short_digest, size, &ours, places,
                      PLACES_MAX);
    for (i = 0; i < n && !found; i++) {
        image = image_of(r, places[i].id);
        if (!image || index_get(r->store, t, places[i], &o))
            continue;
        if (!is_object(&o, short_digest, size) || nth > 0) {
            index_object_release(&o);
            nth -= nth > 0;
            continue;
        }
        found = basis_of_indexed(h_r, image, &o);
        if (found)
            h_r->place = places[i];
    }
    store_read_end(r->store, t);
    return found;
}

void references_wrong(struct references *r, const struct basis *h)
{
    struct index_wrong wrong = { .place = h->place, .size = h->size };
    struct index_wrong *list;

    memcpy(wrong.digest, h->object.digest, sizeof(wrong.digest));
    pthread_mutex_lock(&r->lock);
    if (!r->wrong && r->writable)
        r->wrong = calloc(WRONG_MAX, sizeof(*list));
    if (r->wrong && r->n_wrong < WRONG_MAX)
        r->wrong[r->n_wrong++] = wrong;
    pthread_mutex_unlock(&r->lock);
}

bool references_lack(struct references *r, const uint8_t *short_digest,
                     uint64_t size)
{
    const struct index_filter ours = { is_ours, r };
    struct index_place place;
    bool reading, lack;
    MDB_txn *t;

    pthread_mutex_lock(&r->lock);
    reading = r->waiting_pays;
    pthread_mutex_unlock(&r->lock);
    if (reading)
        return false;
    if (!r->store || store_read(r->store, &t))
        return !r->store;
    lack = index_by_hash(r->store, t, short_digest, size, &ours, &place,
                         1) == 0;
    store_read_end(r->store, t);
    return lack;
}

bool references_have_paths(struct references *r)
{
    bool have = false;
    size_t i;

    pthread_mutex_lock(&r->slots_lock);
    for (i = 0; r->slots && i < r->list.n; i++)
        have = have || (r->slots[i].id && r->slots[i].named);
    pthread_mutex_unlock(&r->slots_lock);
    return have;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* The nearest in size of these. */
static bool nearest(struct references *r, MDB_txn *t,
                    const struct index_place *places, int n, uint64_t size,
                    struct basis *h_r)
{
    const struct image *image;
    struct index_object o;
    struct basis h;
    bool found = false;
    int i;

    for (i = 0; i < n; i++) {
        image = image_of(r, places[i].id);
        if (!image || index_get(r->store, t, places[i], &o) ||
            !basis_of_indexed(&h, image, &o))
            continue;
        if (found && distance(h.size, size) >= distance(h_r->size, size)) {
            basis_release(&h);
            continue;
        }
        if (found)
            basis_release(h_r);
        *h_r = h;
        found = true;
    }
    return found;
}

bool references_find_path(struct references *r, const char *path,
                          uint64_t size, struct basis *h_r)
{
    const struct index_filter ours = { is_ours, r };
    struct index_place places[PLACES_MAX];
    bool found;
    MDB_txn *t;
    int n;

    if (!r->store || store_read(r->store, &t))
        return false;
    n = index_by_path(r->store, t, path, "", &ours, places, PLACES_MAX);
    found = nearest(r, t, places, n, size, h_r);
    if (!found) {
        n = index_by_version(r->store, t, path, &ours, places,
                             PLACES_MAX);
        found = nearest(r, t, places, n, size, h_r);
    }
    store_read_end(r->store, t);
    return found;
}
