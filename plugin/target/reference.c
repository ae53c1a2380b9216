/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the target already holds; see reference.h.
 *
 * A thread of ours starts the refresh, looks from time to time whether the
 * index has changed (whoever has changed it), and has the images
 * (reference_images.h) find out under which ids it lists them now.
 *
 * lock: covers what is waited for.  It is a leaf apart from the images' and the
 * log's.
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
#include "plugin/index/index.h"
#include "plugin/index/index_forget.h"
#include "plugin/target/reference.h"
#include "plugin/target/reference_images.h"
#include "plugin/target/refresh.h"
#include "plugin/target/session_index.h"

#define PLACES_MAX 64               /* looked at for one object */
#define WRONG_MAX 4096u             /* entries noted in a session; the next
                                       one finds the others */
#define LOOK_MS 100                 /* between looks at the index */
#define WINDOW (4u << 20)           /* bytes asked for at a time while an
                                       image is read */
#define LINK_IDLE 1                 /* seconds: then something is asked for in
                                       any case */

struct references {
    const struct configuration *conf;
    const char *program;
    struct reference_system system;
    pid_t reading;                  /* the process that reads images for the
                                       index, if we have started it */
    /* Their lock is taken in transactions of the store, and in the other lock.
     * In the other lock transactions are begun, which may wait until all that
     * run have ended: it must not be taken in one. */
    struct reference_images images;
    struct session_index index;
    uint64_t generation;            /* of the index, when last looked at */
    bool incomplete;                /* something is to be read for it */

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

/* What this process does itself, if it may */

static int read_here(void *opaque, const uint32_t *images, size_t n,
                     bool gently)
{
    struct references *r = opaque;
    char **paths = calloc(n + 1, sizeof(*paths));
    size_t i;
    pid_t pid;

    if (!paths)
        return -ENOMEM;
    for (i = 0; i < n; i++)
        paths[i] = r->images.list.items[images[i]].path;
    pid = refresh_start(r->program, r->index.directory, paths, n, gently);
    free(paths);
    r->reading = pid < 0 ? -1 : pid;
    return pid < 0 ? pid : 0;
}

static bool read_ended_here(void *opaque)
{
    struct references *r = opaque;

    if (r->reading > 0 && refresh_ended(r->reading))
        r->reading = -1;
    return r->reading < 0;
}

static void read_stop_here(void *opaque)
{
    struct references *r = opaque;

    if (r->reading > 0)
        refresh_stop(r->reading);
    r->reading = -1;
}

void references_here(struct references *r, struct reference_system *s_r)
{
    *s_r = (struct reference_system){
        .read = read_here,
        .read_ended = read_ended_here,
        .read_stop = read_stop_here,
        .opaque = r,
    };
}

void references_set_system(struct references *r,
                           const struct reference_system *s,
                           const struct image_system *images)
{
    r->system = *s;
    r->images.system = *images;
}

struct reference_images *references_images(struct references *r)
{
    return &r->images;
}

size_t references_count(struct references *r)
{
    return r->images.slots ? r->images.list.n : 0;
}

const struct image *references_image(struct references *r, size_t i)
{
    return reference_images_get(&r->images, i);
}

bool references_have_paths(struct references *r)
{
    return reference_images_have_names(&r->images);
}

int references_new(struct references **r_r, const struct configuration *conf,
                   const char *program)
{
    struct references *r = calloc(1, sizeof(*r));

    if (!r)
        return -ENOMEM;
    r->conf = conf;
    r->program = program;
    r->index = (struct session_index)SESSION_INDEX_INIT;
    r->reading = -1;
    references_here(r, &r->system);
    pthread_mutex_init(&r->lock, NULL);
    reference_images_init(&r->images);
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

void references_remove_temporary(const struct references *r)
{
    session_index_remove(&r->index);
}

/* At once and at the end: each time the storage is waited for. */
static void forget_wrong(struct references *r)
{
    int rc = r->index.store && r->n_wrong > 0 ?
        index_forget(r->index.store, r->wrong, r->n_wrong) : 0;

    /* They are found again. */
    if (rc)
        log_info("entries of the index that were wrong stay: %s",
                 strerror(-rc));
    free(r->wrong);
}

void references_free(struct references *r)
{
    if (!r)
        return;
    references_end_refresh(r);
    reference_images_release(&r->images);
    forget_wrong(r);
    session_index_close(&r->index);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void references_keep_index(struct references *r)
{
    r->index.keep = true;
}

int references_add(struct references *r, const char *path)
{
    int rc = image_list_add(&r->images.list, path);

    if (!rc || rc == -ENOMEM)
        return rc;
    log_errno(rc, "%s is left out as a reference", path);
    return 0;
}

/* Refresh */

/* With the lock held. */
static void look(struct references *r)
{
    uint64_t generation = store_generation(r->index.store);

    if (generation == r->generation)
        return;
    r->generation = generation;
    reference_images_update(&r->images, r->index.store);
    if (reference_images_count(&r->images, IMAGE_MISSING) == 0)
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
static void read_images(struct references *r, enum image_state state)
{
    const struct reference_system *s = &r->system;
    uint32_t *images = calloc(REFERENCES_READ_MAX, sizeof(*images));
    bool reads = false, ended;
    size_t n = images ? reference_images_list(&r->images, state, images,
                                              REFERENCES_READ_MAX) : 0;

    if (n && !r->stop)
        reads = !s->read(s->opaque, images, n, state == IMAGE_CHANGED);
    free(images);
    if (!reads)
        return;
    do {
        pause_for(r, LOOK_MS);
        ended = s->read_ended(s->opaque);
        look(r);
    } while (!ended && !r->stop);
    if (!ended)
        s->read_stop(s->opaque);
}

static void *refresh(void *opaque)
{
    struct references *r = opaque;

    pthread_mutex_lock(&r->lock);
    read_images(r, IMAGE_MISSING);
    r->waiting_pays = false;
    pthread_cond_broadcast(&r->changed);
    read_images(r, IMAGE_CHANGED);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* Start */

/* Whether an index that cannot be written to has all that it is to have. */
static bool suffices(void *opaque)
{
    struct references *r = opaque;

    reference_images_update(&r->images, r->index.store);
    return !r->program || !reference_images_count(&r->images, IMAGE_MISSING);
}

int references_open(struct references *r)
{
    size_t missing;
    int rc;

    rc = image_list_add_globs(&r->images.list, r->conf->references,
                              r->conf->n_references);
    if (!rc)
        rc = reference_images_complete(&r->images);
    /* Disks that come are entered into it, whatever there is to be found. */
    if (rc || (r->images.list.n == 0 && r->index.keep))
        return rc;
    pthread_mutex_lock(&r->lock);
    rc = session_index_open(&r->index, r->conf->state_dir,
                            r->images.list.n > 0 ? suffices : NULL, r);
    if (!rc) {
        r->generation = store_generation(r->index.store);
        reference_images_update(&r->images, r->index.store);
        missing = reference_images_count(&r->images, IMAGE_MISSING);
        r->incomplete = missing ||
            reference_images_count(&r->images, IMAGE_CHANGED);
        r->waiting_pays = missing > 0;
    }
    pthread_mutex_unlock(&r->lock);
    return rc == -ENOMEM ? rc : 0;
}

void references_start(struct references *r)
{
    pthread_mutex_lock(&r->lock);
    r->deadline = now() + r->conf->index_wait;
    if (r->incomplete && r->program && (!r->index.keep || r->index.temporary))
        r->running = !pthread_create(&r->thread, NULL, refresh, r);
    r->waiting_pays = r->waiting_pays && r->running;
    pthread_mutex_unlock(&r->lock);
}

struct store *references_store(const struct references *r, int *lock_fd_r)
{
    *lock_fd_r = r->index.lock_fd;
    return r->index.writable ? r->index.store : NULL;
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

static bool is_searched(const struct references *r)
{
    return r->index.store && r->images.list.n > 0;
}

static bool is_object(const struct index_object *o, const uint8_t *digest,
                      uint64_t size)
{
    return o->size == size && !memcmp(o->digest, digest, PROTO_SHORT_DIGEST);
}

bool references_find(struct references *r, const uint8_t *short_digest,
                     uint64_t size, unsigned nth, struct basis *h_r)
{
    const struct index_filter ours = { reference_images_have, &r->images };
    struct index_place places[PLACES_MAX];
    const struct image *image;
    struct index_object o;
    bool found = false;
    MDB_txn *t;
    int n, i;

    if (!is_searched(r) || store_read(r->index.store, &t))
        return false;
    n = index_by_hash(r->index.store, t, short_digest, size, &ours, places,
                      PLACES_MAX);
    for (i = 0; i < n && !found; i++) {
        image = reference_images_of(&r->images, places[i].id);
        if (!image || index_get(r->index.store, t, places[i], &o))
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
    store_read_end(r->index.store, t);
    return found;
}

void references_wrong(struct references *r, const struct basis *h)
{
    struct index_wrong wrong = { .place = h->place, .size = h->size };
    struct index_wrong *list;

    memcpy(wrong.digest, h->object.digest, sizeof(wrong.digest));
    pthread_mutex_lock(&r->lock);
    if (!r->wrong && r->index.writable)
        r->wrong = calloc(WRONG_MAX, sizeof(*list));
    if (r->wrong && r->n_wrong < WRONG_MAX)
        r->wrong[r->n_wrong++] = wrong;
    pthread_mutex_unlock(&r->lock);
}

bool references_lack(struct references *r, const uint8_t *short_digest,
                     uint64_t size)
{
    const struct index_filter ours = { reference_images_have, &r->images };
    struct index_place place;
    bool reading, lack;
    MDB_txn *t;

    pthread_mutex_lock(&r->lock);
    reading = r->waiting_pays;
    pthread_mutex_unlock(&r->lock);
    if (reading)
        return false;
    if (!is_searched(r) || store_read(r->index.store, &t))
        return !is_searched(r);
    lack = index_by_hash(r->index.store, t, short_digest, size, &ours, &place,
                         1) == 0;
    store_read_end(r->index.store, t);
    return lack;
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
        image = reference_images_of(&r->images, places[i].id);
        if (!image || index_get(r->index.store, t, places[i], &o) ||
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
    const struct index_filter ours = { reference_images_have, &r->images };
    struct index_place places[PLACES_MAX];
    bool found;
    MDB_txn *t;
    int n;

    if (!is_searched(r) || store_read(r->index.store, &t))
        return false;
    n = index_by_path(r->index.store, t, path, "", &ours, places, PLACES_MAX);
    found = nearest(r, t, places, n, size, h_r);
    if (!found) {
        n = index_by_version(r->index.store, t, path, &ours, places,
                             PLACES_MAX);
        found = nearest(r, t, places, n, size, h_r);
    }
    store_read_end(r->index.store, t);
    return found;
}
