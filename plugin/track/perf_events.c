/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of a tracepoint on every processor; see perf_events.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/track/perf_events.h"

#define ONLINE "/sys/devices/system/cpu/online"
#define RING_DEFAULT (UINT64_C(2) << 20)
/* The default is halved until the rings of all processors fit in here. */
#define RINGS_MAX (UINT64_C(32) << 20)
/* How often an event in the making on another processor is waited for. */
#define SETTLE_TRIES 200
#define SETTLE_US 500
/* After that time the clock of an event that is switched on must have gone
 * on. */
#define ADVANCE_MS 100

struct cpu {
    int number;
    int fd;
    struct perf_event_mmap_page *page;  /* NULL until mapped */
    uint64_t received;                  /* samples taken off the ring */
    uint64_t lost;                      /* by what the kernel reported */
    uint64_t forgiven;                  /* counted, never to be received */
    uint64_t enabled;                   /* by the last reading that counts */
    uint64_t read_ms;                   /* and when that was */
};

struct perf_events {
    struct trace_format format;
    size_t ring;                        /* bytes, a power of two */
    size_t page_size;
    char online[256];                   /* processors at the start */
    struct cpu *cpus;
    struct pollfd *polls;
    size_t n;
};

static int read_text(int dir, const char *path, char *text, size_t size)
{
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    size_t got = 0;
    ssize_t n = 0;

    if (fd < 0)
        return -errno;
    while (got < size - 1 && (n = read(fd, text + got, size - 1 - got)) > 0)
        got += n;
    if (n < 0)
        n = -errno;
    close(fd);
    text[got] = '\0';
    return n < 0 ? n : 0;
}

/* A tracefs that nobody else sees, gone when the descriptor is closed. */
static int mount_tracefs(void)
{
    int fs, mnt;

    fs = fsopen("tracefs", FSOPEN_CLOEXEC);
    if (fs < 0)
        return -errno;
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
        mnt = -errno;
    else if ((mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0)) < 0)
        mnt = -errno;
    close(fs);
    return mnt;
}

static int read_format(struct trace_format *f, const char *name, char *why,
                       size_t size)
{
    static const char *const mounts[] = {
        "/sys/kernel/tracing", "/sys/kernel/debug/tracing",
    };
    char path[256], text[8192];
    size_t i;
    int rc = -ENOENT, dir;

    for (i = 0; i < 2 && rc; i++) {
        snprintf(path, sizeof(path), "%s/events/block/%s/format", mounts[i],
                 name);
        rc = read_text(AT_FDCWD, path, text, sizeof(text));
    }
    if (rc) {
        dir = mount_tracefs();
        if (dir < 0)
            return explain(why, size, -ENOTSUP, "no tracefs: %s",
                           strerror(-dir));
        snprintf(path, sizeof(path), "events/block/%s/format", name);
        rc = read_text(dir, path, text, sizeof(text));
        close(dir);
    }
    if (rc)
        return explain(why, size, -ENOTSUP, "tracefs: %s: %s", path,
                       strerror(-rc));
    if (trace_format_parse(f, text))
        return explain(why, size, -ENOTSUP,
                       "the kernel describes %s in an unknown way", name);
    return 0;
}

/* Calls each() for every processor of a list like "0-3,5". */
static int each_cpu(const char *list, int (*each)(struct perf_events *p,
                                                  int number),
                    struct perf_events *p)
{
    int first, last, used, rc;

    while (sscanf(list, "%d%n", &first, &used) == 1) {
        list += used;
        last = first;
        if (sscanf(list, "-%d%n", &last, &used) == 1)
            list += used;
        if (first < 0 || last < first)
            return -EBADMSG;
        for (; first <= last; first++) {
            rc = each(p, first);
            if (rc)
                return rc;
        }
        if (*list == ',')
            list++;
    }
    return *list && *list != '\n' ? -EBADMSG : 0;
}

static int count_cpu(struct perf_events *p, int number)
{
    (void)number;
    p->n++;
    return 0;
}

static int open_cpu(struct perf_events *p, int number)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_TRACEPOINT,
        .size = sizeof(attr),
        .config = p->format.id,
        .sample_period = 1,
        .sample_type = PERF_SAMPLE_RAW,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED |
            PERF_FORMAT_TOTAL_TIME_RUNNING,
        .disabled = 1,
        .watermark = 1,
        .wakeup_watermark = p->ring / 4,
    };
    struct cpu *c = &p->cpus[p->n];

    c->number = number;
    c->fd = syscall(SYS_perf_event_open, &attr, -1, number, -1,
                    PERF_FLAG_FD_CLOEXEC);
    if (c->fd < 0)
        return -errno;
    p->polls[p->n++] = (struct pollfd){ .fd = c->fd, .events = POLLIN };
    c->page = mmap(NULL, p->page_size + p->ring, PROT_READ | PROT_WRITE,
                   MAP_SHARED, c->fd, 0);
    if (c->page == MAP_FAILED) {
        c->page = NULL;
        return -errno;
    }
    return 0;
}

static int start_cpus(struct perf_events *p, const char *filter)
{
    size_t i;

    for (i = 0; i < p->n; i++)
        if (ioctl(p->cpus[i].fd, PERF_EVENT_IOC_SET_FILTER, filter))
            return -errno;
    for (i = 0; i < p->n; i++)
        if (ioctl(p->cpus[i].fd, PERF_EVENT_IOC_ENABLE, 0))
            return -errno;
    return 0;
}

static size_t ring_size(size_t wanted, size_t cpus, size_t page)
{
    size_t ring = wanted ? wanted : RING_DEFAULT, size = page;

    while (!wanted && ring > 64 * page && ring * cpus > RINGS_MAX)
        ring /= 2;
    while (size < ring)
        size *= 2;
    return size;
}

int perf_events_open(struct perf_events **p_r, const char *name,
                     const char *filter, size_t ring, char *why,
                     size_t why_size)
{
    struct perf_events *p = calloc(1, sizeof(*p));
    int rc;

    *p_r = NULL;
    if (!p)
        return explain(why, why_size, -ENOMEM, "no memory");
    rc = read_format(&p->format, name, why, why_size);
    if (rc)
        goto out;
    p->page_size = sysconf(_SC_PAGESIZE);
    rc = read_text(AT_FDCWD, ONLINE, p->online, sizeof(p->online));
    if (!rc)
        rc = each_cpu(p->online, count_cpu, p);
    if (!rc) {
        p->ring = ring_size(ring, p->n, p->page_size);
        p->cpus = calloc(p->n + 1, sizeof(*p->cpus));
        p->polls = calloc(p->n + 1, sizeof(*p->polls));
        p->n = 0;
        rc = p->cpus && p->polls ? each_cpu(p->online, open_cpu, p) :
            -ENOMEM;
    }
    if (!rc)
        rc = start_cpus(p, filter);
    if (rc)
        rc = explain(why, why_size, -ENOTSUP, "perf cannot trace %s: %s",
                     name, strerror(-rc));
out:
    if (rc)
        perf_events_close(p);
    else
        *p_r = p;
    return rc;
}

void perf_events_close(struct perf_events *p)
{
    size_t i;

    if (!p)
        return;
    for (i = 0; i < p->n; i++) {
        if (p->cpus[i].page)
            munmap(p->cpus[i].page, p->page_size + p->ring);
        close(p->cpus[i].fd);
    }
    free(p->cpus);
    free(p->polls);
    free(p);
}

void perf_events_wait(struct perf_events *p, int milliseconds)
{
    size_t i;

    if (poll(p->polls, p->n, milliseconds) <= 0)
        return;
    for (i = 0; i < p->n; i++)
        if (p->polls[i].revents & ~POLLIN)
            p->polls[i].fd = -1;        /* or we would never sleep again */
}

/* Where events go. */
struct drain {
    struct perf_events *p;
    perf_events_sink *sink;
    void *opaque;
};

static int decode(void *opaque, const uint8_t *raw, size_t length)
{
    struct drain *drain = opaque;
    struct trace_event e;
    int rc;

    rc = trace_event_decode(&e, &drain->p->format, raw, length);
    return rc ? rc : drain->sink(drain->opaque, &e);
}

static int drain_cpu(struct perf_events *p, struct cpu *c,
                     struct drain *drain, bool *lost)
{
    struct trace_counts counts = { 0, 0, 0 };
    uint64_t tail = c->page->data_tail;
    uint64_t head = __atomic_load_n(&c->page->data_head, __ATOMIC_ACQUIRE);
    int rc;

    rc = trace_ring_parse((const uint8_t *)c->page + p->page_size, p->ring,
                          &tail, head, &counts, decode, drain);
    __atomic_store_n(&c->page->data_tail, rc ? head : tail, __ATOMIC_RELEASE);
    c->received += counts.samples;
    c->lost += counts.lost;
    /* A report may come long after the counter has told the same. */
    if (c->lost > c->forgiven)
        *lost = true;
    if (counts.throttled)
        *lost = true;
    return rc;
}

static int drain_all(struct perf_events *p, struct drain *drain,
                     bool *lost)
{
    size_t i;
    int rc = 0;

    for (i = 0; i < p->n && !rc; i++)
        rc = drain_cpu(p, &p->cpus[i], drain, lost);
    return rc;
}

static int tell_lost(char *why, size_t size)
{
    return explain(why, size, -EOVERFLOW, "the kernel has lost events");
}

/* What is read of a counter, as perf_event_open(2) has it. */
struct reading {
    uint64_t value, enabled, running;
};

static int read_counter(struct cpu *c, struct reading *r)
{
    ssize_t n = read(c->fd, r, sizeof(*r));
    uint64_t now = monotonic_ms();

    if (n < 0)
        return -errno;
    /* 0: the event is in error, for example of a processor that left. */
    if (n != sizeof(*r) || r->enabled != r->running)
        return -EIO;
    if (c->read_ms && now - c->read_ms < ADVANCE_MS)
        return 0;
    /* Its clock stands still when it is switched off, and so does its count,
     * which would look like a disk that nobody writes to. */
    if (c->read_ms && r->enabled <= c->enabled)
        return -EIO;
    c->enabled = r->enabled;
    c->read_ms = now;
    return 0;
}

/* Whether everything that was counted at the time of the call has been
 * received.  An event is counted a moment before it is recorded. */
static int check_counters(struct perf_events *p, struct drain *drain,
                          bool *lost, char *why, size_t size)
{
    struct reading r;
    unsigned tries;
    size_t i;
    int rc;

    for (i = 0; i < p->n; i++) {
        struct cpu *c = &p->cpus[i];

        rc = read_counter(c, &r);
        for (tries = 0; !rc && c->received + c->forgiven < r.value; tries++) {
            if (*lost || tries == SETTLE_TRIES)
                return explain(why, size, -EOVERFLOW, "%" PRIu64 " events "
                               "of processor %d were lost", r.value -
                               c->received - c->forgiven, c->number);
            if (tries)
                usleep(SETTLE_US);
            rc = drain_all(p, drain, lost);
        }
        if (rc)
            return explain(why, size, -EIO,
                           "processor %d is no longer traced: %s", c->number,
                           strerror(-rc));
    }
    return *lost ? tell_lost(why, size) : 0;
}

static int check_online(const struct perf_events *p, char *why, size_t size)
{
    char now[sizeof(p->online)];

    if (read_text(AT_FDCWD, ONLINE, now, sizeof(now)) ||
        strcmp(now, p->online))
        return explain(why, size, -EIO,
                       "processors have come or gone since the start");
    return 0;
}

int perf_events_drain(struct perf_events *p, bool thorough,
                      perf_events_sink *sink, void *opaque, char *why,
                      size_t why_size)
{
    struct drain drain = { p, sink, opaque };
    bool lost = false;
    int rc = 0;

    if (thorough)
        rc = check_online(p, why, why_size);
    if (rc)
        return rc;
    rc = drain_all(p, &drain, &lost);
    if (rc == -EBADMSG)
        return explain(why, why_size, -EIO, "unknown records in the trace");
    if (!rc && lost)
        rc = tell_lost(why, why_size);
    if (!rc && thorough)
        rc = check_counters(p, &drain, &lost, why, why_size);
    return rc;
}

static int drop(void *opaque, const struct trace_event *e)
{
    (void)opaque;
    (void)e;
    return 0;
}

/* Empties the ring and forgives what was counted and not received.  If the
 * counter never stands still, less may be forgiven than was lost: that
 * reports a loss a second time. */
static int restart_cpu(struct perf_events *p, struct cpu *c)
{
    struct drain drain = { p, drop, NULL };
    bool lost = false;
    struct reading before, after;
    unsigned tries;
    int rc;

    for (tries = 0; tries < SETTLE_TRIES; tries++) {
        rc = read_counter(c, &before);
        if (!rc)
            rc = drain_cpu(p, c, &drain, &lost);
        if (rc == -EBADMSG)
            rc = 0;                     /* skipped, as it is to be */
        if (!rc)
            rc = read_counter(c, &after);
        c->forgiven = before.value > c->received ?
            before.value - c->received : 0;
        if (rc || before.value == after.value)
            return rc;
    }
    return 0;
}

int perf_events_restart(struct perf_events *p, char *why, size_t why_size)
{
    size_t i;
    int rc;

    rc = check_online(p, why, why_size);
    for (i = 0; i < p->n && !rc; i++) {
        rc = restart_cpu(p, &p->cpus[i]);
        if (rc)
            rc = explain(why, why_size, -EIO,
                         "processor %d is no longer traced: %s",
                         p->cpus[i].number, strerror(-rc));
    }
    return rc;
}
