/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A session whose peer is the fuzzer; see session.h. */
#include "config.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/threadpool.h"
#include "plugin/image/users.h"
#include "plugin/proto.h"
#include "plugin/target/refresh.h"
#include "test/fuzz/session.h"

#define SENT_MAX 4096
#define WAIT_MS 200
#define WAITS_MAX 4             /* in a session */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;  /* covers these: */
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static struct sent *first, **last = &first;
static unsigned n_sent;
static unsigned n_waits;        /* in vain */
static atomic_bool over;
static bool failed;

/* Of the threads that wait for frames, one asks for the next. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static session_next *next_frame;

/* Neither has content; only who has made them knows. */
static char the_wire, the_inbox;

void session_spoil(struct fuzz_input *in, struct buf *payload)
{
    unsigned n = fuzz_u8(in) & 15;
    size_t at;

    for (; n && in->left; n--) {
        at = fuzz_u16(in);
        if (!payload->length)
            continue;
        at = at & 0x8000 ? payload->length - 1 -
            (at & 0x7fff) % payload->length : at % payload->length;
        payload->data[at] ^= fuzz_u8(in);
    }
}

struct wire *session_begin(session_next *next, struct inbox **in_r)
{
    next_frame = next;
    over = false;
    failed = false;
    n_sent = n_waits = 0;
    *in_r = (struct inbox *)&the_inbox;
    return (struct wire *)&the_wire;
}

void session_end(void)
{
    struct sent *s;

    while ((s = first)) {
        first = s->next;
        free_sent(s);
    }
    last = &first;
}

struct sent *session_sent(bool wait)
{
    struct timespec until;
    struct sent *s;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&lock);
    wait = wait && n_waits < WAITS_MAX;
    while (!first && wait &&
           pthread_cond_timedwait(&news, &lock, &until) != ETIMEDOUT)
        ;
    n_waits += wait && !first;
    s = first;
    if (s) {
        first = s->next;
        if (!first)
            last = &first;
    }
    pthread_mutex_unlock(&lock);
    return s;
}

void free_sent(struct sent *s)
{
    if (s)
        free(s->data);
    free(s);
}

/* threadpool.h: jobs wait until the engine asks for a frame, and are done in
 * its thread then, so that the same input does the same each time. */

struct job {
    struct job *next;
    threadpool_job *run;
    void *opaque;
    uint64_t first, count;
};

static struct job *jobs, **last_job = &jobs;

struct threadpool {
    char nothing;
};

int threadpool_new(struct threadpool **p_r, unsigned threads)
{
    static struct threadpool pool;

    (void)threads;
    *p_r = &pool;
    return 0;
}

static void work_off(void)
{
    struct job *j;
    uint64_t i;

    while ((j = jobs)) {
        jobs = j->next;
        if (!jobs)
            last_job = &jobs;
        for (i = 0; i < j->count; i++)
            j->run(j->opaque, j->first + i);
        free(j);
    }
}

void threadpool_free(struct threadpool *p)
{
    if (p)
        work_off();
}

static struct job *new_job(threadpool_job *run, void *opaque, uint64_t start,
                           uint64_t count)
{
    struct job *j = calloc(1, sizeof(*j));

    FUZZ_CHECK(j);
    *j = (struct job){ NULL, run, opaque, start, count };
    return j;
}

int threadpool_add(struct threadpool *p, threadpool_job *run, void *opaque,
                   uint64_t start, uint64_t count)
{
    (void)p;
    *last_job = new_job(run, opaque, start, count);
    last_job = &(*last_job)->next;
    return 0;
}

int threadpool_add_first(struct threadpool *p, threadpool_job *run,
                         void *opaque, uint64_t start, uint64_t count)
{
    struct job *j = new_job(run, opaque, start, count);

    (void)p;
    j->next = jobs;
    if (!jobs)
        last_job = &j->next;
    jobs = j;
    return 0;
}

int threadpool_run(struct threadpool *p, threadpool_job *run, void *opaque,
                   uint64_t start, uint64_t count)
{
    uint64_t i;
    int rc = 0, one;

    (void)p;
    for (i = 0; i < count; i++) {
        one = run(opaque, start + i);
        rc = rc ? rc : one;
    }
    return rc;
}

/* wire.h */

int wire_send(struct wire *w, uint16_t type, uint16_t disk, const void *data,
              size_t length)
{
    struct sent *s = calloc(1, sizeof(*s));
    int rc = 0;

    FUZZ_CHECK(s && (void *)w == &the_wire && length <= PROTO_RAW_MAX);
    s->type = type;
    s->disk = disk;
    s->length = length;
    s->data = malloc(length ? length : 1);
    FUZZ_CHECK(s->data);
    if (length)
        memcpy(s->data, data, length);
    pthread_mutex_lock(&lock);
    if (failed || over || n_sent >= SENT_MAX)
        rc = -EPIPE;
    failed = failed || type == FRAME_FAIL || type == FRAME_BYE;
    if (!rc) {
        *last = s;
        last = &s->next;
        n_sent++;
        pthread_cond_broadcast(&news);
    }
    pthread_mutex_unlock(&lock);
    if (rc)
        free_sent(s);
    return rc;
}

int wire_send_buf(struct wire *w, uint16_t type, uint16_t disk,
                  const struct buf *b)
{
    return b->failed ? -ENOMEM : wire_send(w, type, disk, b->data, b->length);
}

int wire_send_plain(struct wire *w, uint16_t type, uint16_t disk,
                    const struct buf *b)
{
    return wire_send_buf(w, type, disk, b);
}

int wire_send_freight(struct wire *w, uint16_t type, uint16_t disk,
                      const void *data, size_t length)
{
    return wire_send(w, type, disk, data, length);
}

int wire_send_freight_buf(struct wire *w, uint16_t type, uint16_t disk,
                          const struct buf *b)
{
    return wire_send_buf(w, type, disk, b);
}

/* What is fuzzed comes unpacked. */
void wire_set_packed(struct wire *w, enum wire_packed how)
{
    (void)w;
    (void)how;
}

void wire_prepare(void)
{
}

void wire_flush_freight(struct wire *w)
{
    (void)w;
}

const uint8_t *wire_nonce(const struct wire *w)
{
    static const uint8_t nonce[PROTO_NONCE];

    (void)w;
    return nonce;
}

void wire_worked(struct wire *w)
{
    (void)w;
}

void wire_set_timeout(struct wire *w, unsigned seconds)
{
    (void)w;
    FUZZ_CHECK(seconds >= WIRE_TIMEOUT_MIN);
}

unsigned wire_timeout(const struct wire *w)
{
    (void)w;
    return WIRE_TIMEOUT_DEFAULT;
}

uint64_t wire_bytes_out(const struct wire *w)
{
    (void)w;
    return 0;
}

uint64_t wire_bytes_in(const struct wire *w)
{
    (void)w;
    return 0;
}

void wire_bytes_of_disk(const struct wire *w, uint16_t disk, uint64_t *out_r,
                        uint64_t *in_r)
{
    (void)w;
    (void)disk;
    *out_r = *in_r = 0;
}

/* inbox.h */

static int next(struct inbox *in, uint16_t disk, bool wait, struct frame *f)
{
    struct buf payload = BUF_INIT;
    bool there;

    FUZZ_CHECK((void *)in == &the_inbox);
    pthread_mutex_lock(&turn);
    work_off();
    there = !over && next_frame(wait, disk, &f->type, &f->disk, &payload);
    pthread_mutex_unlock(&turn);
    if (!there && !wait) {
        buf_release(&payload);
        return -EAGAIN;
    }
    if (!there) {
        pthread_mutex_lock(&lock);
        over = true;
        pthread_cond_broadcast(&news);
        pthread_mutex_unlock(&lock);
        buf_release(&payload);
        return -EPIPE;
    }
    FUZZ_CHECK(!payload.failed && payload.length <= PROTO_RAW_MAX);
    /* Of just this size, so that a sanitizer sees a read beyond it. */
    f->length = (uint32_t)payload.length;
    f->data = malloc(payload.length ? payload.length : 1);
    FUZZ_CHECK(f->data);
    if (payload.length)
        memcpy(f->data, payload.data, payload.length);
    buf_release(&payload);
    return 0;
}

int inbox_next(struct inbox *in, uint16_t disk, struct frame *f)
{
    return next(in, disk, true, f);
}

bool inbox_over(struct inbox *in)
{
    (void)in;
    return over;
}

int inbox_split(struct inbox *in, unsigned n_disks)
{
    (void)in;
    (void)n_disks;
    return 0;
}

int inbox_await(struct inbox *in, uint16_t disk, const char *task,
                struct frame *f)
{
    (void)task;
    return inbox_next(in, disk, f);
}

int inbox_next_or(struct inbox *in, uint16_t disk, int fd, struct frame *f)
{
    (void)fd;
    return inbox_next(in, disk, f);
}

int inbox_misplaced(struct inbox *in, const struct frame *f)
{
    (void)in;
    (void)f;
    return -EPROTO;
}

int inbox_expect(struct inbox *in, uint16_t disk, uint16_t type,
                 struct frame *f)
{
    int rc = inbox_next(in, disk, f);

    if (rc || f->type == type)
        return rc;
    frame_release(f);
    return -EPROTO;
}

int inbox_expect_task(struct inbox *in, uint16_t disk, const char *task,
                      uint16_t type, struct frame *f)
{
    (void)task;
    return inbox_expect(in, disk, type, f);
}

/* What is of no disk may be asked for while disks' threads ask. */
int inbox_try(struct inbox *in, uint16_t disk, struct frame *f)
{
    return disk == PROTO_NO_DISK ? -EAGAIN : next(in, disk, false, f);
}

/* Waits for the descriptor alone. */
int inbox_wait(struct inbox *in, int fd, int milliseconds)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    (void)in;
    return poll(&pfd, 1, milliseconds) > 0 ? 0 : -EAGAIN;
}

void inbox_watch(struct inbox *in, int fd, short events)
{
    (void)in;
    (void)fd;
    (void)events;
}

void inbox_hush(struct inbox *in)
{
    (void)in;
}

/* users.h: nobody uses anything here. */

void users_belong_together(pid_t pid)
{
    (void)pid;
}

bool users_find(int fd, char *name, size_t size)
{
    (void)fd;
    (void)name;
    (void)size;
    return false;
}

bool users_find_writing(int fd, char *name, size_t size)
{
    return users_find(fd, name, size);
}

/* refresh.h: no process of ours is an xl-dedup. */

pid_t refresh_start(const char *program, const char *directory,
                    char *const *paths, size_t n, bool gently)
{
    (void)program;
    (void)directory;
    (void)paths;
    (void)n;
    (void)gently;
    return -ENOSYS;
}

bool refresh_ended(pid_t pid)
{
    (void)pid;
    return true;
}

void refresh_stop(pid_t pid)
{
    (void)pid;
}

/* A directory */

static char directory[] = "/dev/shm/xl-dedup-fuzz.XXXXXX";
static bool made;
static const char *kept;

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *at)
{
    size_t n = kept ? strlen(kept) : 0;

    (void)st;
    (void)type;
    if (at->level == 0 ||
        (kept && !strncmp(path + sizeof(directory), kept, n) &&
         (!path[sizeof(directory) + n] || path[sizeof(directory) + n] == '/')))
        return 0;
    /* What keeps something stays. */
    remove(path);
    return 0;
}

void session_clean(const char *keep)
{
    kept = keep;
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void leave(void)
{
    session_clean(NULL);
    rmdir(directory);
}

const char *session_directory(void)
{
    if (!made) {
        FUZZ_CHECK(mkdtemp(directory));
        atexit(leave);
        made = true;
    }
    return directory;
}
