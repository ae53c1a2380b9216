/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs inside a guest of the test bed, through its migration.
 *
 *   guest-writer [-n RECORDS] [-r RATE] TARGET...
 *
 * TARGET is file:DIRECTORY, raw:DEVICE or raw:DEVICE@OFFSET (bytes).
 *
 * Every target holds RECORDS (512) records of one block.  The program rewrites
 * records all the time, in random order, and remembers in memory which
 * sequence number it has written where.  A migration moves memory and disk by
 * different ways; if the two do not meet at the very same moment, the
 * "check" command, which drops the page cache and reads every record back,
 * finds a record that is older, newer or other than memory says.
 *
 * With a RATE it writes RATE kB a second, 4 to 64 KiB at a place, and has
 * every file in a directory of its own: ext4 spreads those of its root over
 * the disk.  Without, a few records, a sync, a pause.
 *
 * A child process counts, every TICK_MS, prints the count to the console
 * each second, and keeps the longest time between two steps: that is the
 * blackout as the guest sees it.
 *
 * Commands come and replies go through xenstore (data/command, data/reply,
 * "SERIAL TEXT"), because that works the same before and after a migration:
 *
 *   count   COUNT n GAP real-ms mono-ms WRITES n
 *   reset   forgets the longest gap
 *   quiet, busy   stops and starts the writing
 *   check   CHECK OK n records, or CHECK BAD and what
 *   fill N  reads files of its targets' file systems, about N MiB, so that
 *           they lie in the page cache: FILLED n MiB
 *   halt    ends the program, after which init unmounts and powers off
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK = 4096,
    PER_FILE = 64,              /* records per file of a file target */
    BURST = 4,                  /* records between two syncs */
    REPLACE = 24,               /* bursts between two replaced files */
    MAX_TARGETS = 4,
    TICK_MS = 20,
    RUN = 16,                   /* records at one place, at a rate */
    PAUSE_MS = 200,             /* one emulated CPU serves dom0, too */
};

struct target {
    const char *path;
    int raw;
    off_t base;                 /* of a raw target, where its records begin */
    int fd, part;               /* the open file, fd - 1, so that 0 is none */
    uint64_t *seq;              /* what the disk must hold */
    uint64_t counter;           /* what the file "counter" must hold */
};

struct record {
    uint64_t magic, target, slot, seq;
    uint64_t fill[(BLOCK - 40) / 8];
    uint64_t sum;
};

struct shared {
    volatile uint64_t count, real_gap, mono_gap, reset;
};

static struct target targets[MAX_TARGETS];
static unsigned target_count, slots = 512, rate;
static struct shared *shared;
static uint64_t next_seq = 1, writes;
static char problem[256];

static uint64_t now_ms(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void pause_ms(unsigned ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

    nanosleep(&t, NULL);
}

/* Remembers the first problem only: the later ones follow from it. */
static void bad(const char *format, ...)
{
    va_list ap;

    if (problem[0])
        return;
    va_start(ap, format);
    vsnprintf(problem, sizeof(problem), format, ap);
    va_end(ap);
    printf("guest: %s\n", problem);
}

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static void record_make(struct record *r, unsigned target, unsigned slot,
                        uint64_t seq)
{
    uint64_t x = mix(target * 1000003ULL + slot) ^ seq;

    r->magic = 0x70756465642d6c78;      /* "xl-dedup" */
    r->target = target;
    r->slot = slot;
    r->seq = seq;
    r->sum = seq;
    for (size_t i = 0; i < sizeof(r->fill) / sizeof(r->fill[0]); i++) {
        x = mix(x);
        r->fill[i] = x;
        r->sum ^= x;
    }
}

/* --- the disks -------------------------------------------------------- */

static void file_name(char *name, size_t size, const struct target *t,
                      unsigned slot)
{
    snprintf(name, size, "%s/part%u%s", t->path, slot / PER_FILE,
             rate ? "/records" : "");
}

/* Forgets the open file of a target. */
static void target_close(struct target *t)
{
    if (t->fd)
        close(t->fd - 1);
    t->fd = 0;
}

/* A descriptor for what holds the slot, and the offset in it.  It stays open
 * and is the target's: opening costs much on FUSE under emulation. */
static int slot_open(struct target *t, unsigned slot, off_t *offset)
{
    int part = t->raw ? 0 : (int)(slot / PER_FILE);
    char name[256];

    *offset = t->base + (off_t)(t->raw ? slot : slot % PER_FILE) * BLOCK;
    if (t->fd && t->part == part)
        return t->fd - 1;
    target_close(t);
    snprintf(name, sizeof(name), "%s", t->path);
    if (!t->raw)
        file_name(name, sizeof(name), t, slot);
    t->part = part;
    t->fd = open(name, O_RDWR | (t->raw ? 0 : O_CREAT), 0644) + 1;
    if (!t->fd)
        bad("open %s: %s", name, strerror(errno));
    return t->fd - 1;
}

static int put_block(int fd, const void *block, off_t offset, const char *what)
{
    if (pwrite(fd, block, BLOCK, offset) == BLOCK)
        return 0;
    bad("write to %s: %s", what, strerror(errno));
    return -1;
}

static void rewrite_slot(struct target *t, unsigned slot)
{
    struct record r;
    uint64_t seq = next_seq++;
    off_t offset;
    int fd = slot_open(t, slot, &offset);

    record_make(&r, (unsigned)(t - targets), slot, seq);
    if (fd >= 0 && put_block(fd, &r, offset, t->path) == 0) {
        t->seq[slot] = seq;
        writes++;
    }
}

static void sync_slot(struct target *t, unsigned slot)
{
    off_t offset;
    int fd = slot_open(t, slot, &offset);

    if (fd >= 0 && fsync(fd) < 0)
        bad("fsync in %s: %s", t->path, strerror(errno));
}

static void sync_fs(struct target *t)
{
    if (t->fd && syncfs(t->fd - 1) < 0)
        bad("syncfs of %s: %s", t->path, strerror(errno));
}

/* Writes a new version of a whole file beside the old one and renames it:
 * data moves to other blocks, metadata changes. */
static void replace_file(struct target *t, unsigned slot)
{
    unsigned first = slot / PER_FILE * PER_FILE;
    char name[256], fresh[300];
    struct record r;
    int fd;

    file_name(name, sizeof(name), t, slot);
    snprintf(fresh, sizeof(fresh), "%s.new", name);
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0) {
        bad("create %s: %s", fresh, strerror(errno));
        return;
    }
    for (unsigned i = first; i < first + PER_FILE; i++) {
        record_make(&r, (unsigned)(t - targets), i, next_seq);
        if (put_block(fd, &r, (off_t)(i - first) * BLOCK, fresh) < 0)
            break;
        t->seq[i] = next_seq++;
        writes++;
    }
    if (fsync(fd) < 0 || close(fd) < 0 || rename(fresh, name) < 0)
        bad("replace %s: %s", name, strerror(errno));
    target_close(t);
}

static void store_counter(struct target *t)
{
    char name[256], text[32];
    int fd, length;

    snprintf(name, sizeof(name), "%s/counter", t->path);
    fd = open(name, O_WRONLY | O_CREAT, 0644);
    t->counter = shared->count;
    length = snprintf(text, sizeof(text), "%020llu\n",
                      (unsigned long long)t->counter);
    if (fd < 0 || pwrite(fd, text, (size_t)length, 0) != length)
        bad("write %s: %s", name, strerror(errno));
    if (fd >= 0)
        close(fd);
}

static void write_some(struct target *t)
{
    static unsigned bursts;
    unsigned first = (unsigned)(mix(next_seq) % (slots / PER_FILE)) * PER_FILE;
    unsigned slot = first;

    for (int i = 0; i < BURST; i++) {
        /* One file a burst, so that the sync at the end is for all. */
        slot = first + (unsigned)(mix(next_seq) % PER_FILE);
        rewrite_slot(t, slot);
    }
    if (!t->raw) {
        store_counter(t);
        if (++bursts % REPLACE == 0)
            replace_file(t, slot);
    }
    sync_slot(t, slot);
}

/* Some records side by side in one file.  Returns how many. */
static unsigned write_run(void)
{
    uint64_t x = mix(next_seq);
    struct target *t = &targets[x % target_count];
    unsigned first = (unsigned)(mix(x) % slots), slot = first;
    unsigned end = first + 1 + (unsigned)(x / MAX_TARGETS % RUN);

    do
        rewrite_slot(t, slot++);
    while (slot < end && slot < slots && slot % PER_FILE != 0);
    return slot - first;
}

/* Keeps to the rate from call to call, but never makes up for more than the
 * last second; one sync a second. */
static void write_at_rate(void)
{
    static uint64_t last, synced;
    uint64_t now = now_ms(CLOCK_MONOTONIC);
    uint64_t due = (now - last < 1000 ? now - last : 1000) * rate;
    uint64_t done = 0;

    while (done < due)
        done += write_run() * BLOCK;
    for (unsigned i = 0; i < target_count && now - synced >= 1000; i++)
        sync_fs(&targets[i]);
    if (now - synced >= 1000)
        synced = now;
    last = now;
}

static void check_counter(const struct target *t)
{
    char name[256], text[32] = "";
    int fd;

    snprintf(name, sizeof(name), "%s/counter", t->path);
    fd = open(name, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        bad("read %s: %s", name, strerror(errno));
    else if (strtoull(text, NULL, 10) != t->counter)
        bad("%s holds %.20s instead of %llu", name, text,
            (unsigned long long)t->counter);
    if (fd >= 0)
        close(fd);
}

static void check_slot(struct target *t, unsigned slot)
{
    struct record is, want;
    off_t offset;
    int fd = slot_open(t, slot, &offset);
    ssize_t n = fd < 0 ? -1 : pread(fd, &is, sizeof(is), offset);

    if (n != BLOCK) {
        bad("read of record %u of %s: %zd, %s", slot, t->path, n,
            strerror(errno));
        return;
    }
    record_make(&want, (unsigned)(t - targets), slot, t->seq[slot]);
    if (memcmp(&is, &want, sizeof(is)) != 0)
        bad("record %u of %s has sequence number %llu instead of %llu%s",
            slot, t->path, (unsigned long long)is.seq,
            (unsigned long long)want.seq,
            is.seq == want.seq ? " and other content" : "");
}

static void drop_caches(void)
{
    int fd;

    sync();
    fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (fd < 0 || write(fd, "3\n", 2) != 2)
        bad("drop_caches: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
}

static void check(char *reply, size_t size)
{
    unsigned records = 0;

    drop_caches();
    for (unsigned i = 0; i < target_count; i++) {
        for (unsigned slot = 0; slot < slots; slot++, records++)
            check_slot(&targets[i], slot);
        if (!targets[i].raw)
            check_counter(&targets[i]);
    }
    if (problem[0])
        snprintf(reply, size, "CHECK BAD %s", problem);
    else
        snprintf(reply, size, "CHECK OK %u records", records);
}

/* --- xenstore --------------------------------------------------------- */

struct xs_header {
    uint32_t type, request, transaction, length;
};
enum { XS_READ = 2, XS_WRITE = 11, XS_ERROR = 16 };

/* One request to xenstore; the answer, ended by NUL, goes to out.  Returns
 * its length, or -1. */
static int xs(uint32_t type, const char *body, size_t length, char *out,
              size_t size)
{
    struct xs_header h = { type, 0, 0, (uint32_t)length };
    char buffer[512];
    size_t have = 0;
    int fd, r = -1;

    fd = open("/dev/xen/xenbus", O_RDWR);
    if (fd < 0 || sizeof(h) + length > sizeof(buffer))
        goto out;
    memcpy(buffer, &h, sizeof(h));
    memcpy(buffer + sizeof(h), body, length);
    if (write(fd, buffer, sizeof(h) + length) < 0)
        goto out;
    while (have < sizeof(h) || have < sizeof(h) + h.length) {
        ssize_t n = read(fd, buffer + have, sizeof(buffer) - have);

        if (n <= 0)
            goto out;
        have += (size_t)n;
        memcpy(&h, buffer, sizeof(h));
        if (h.length > sizeof(buffer) - sizeof(h) || h.length >= size)
            goto out;
    }
    if (h.type == XS_ERROR)
        goto out;
    memcpy(out, buffer + sizeof(h), h.length);
    out[h.length] = '\0';
    r = (int)h.length;
out:
    if (fd >= 0)
        close(fd);
    return r;
}

static int xs_get(const char *path, char *out, size_t size)
{
    return xs(XS_READ, path, strlen(path) + 1, out, size);
}

static void xs_put(const char *path, const char *value)
{
    char body[400], out[64];
    size_t length = strlen(path) + 1;

    memcpy(body, path, length);
    snprintf(body + length, sizeof(body) - length, "%s", value);
    length += strlen(body + length);
    if (xs(XS_WRITE, body, length, out, sizeof(out)) < 0)
        printf("guest: xenstore write to %s failed\n", path);
}

/* --- page cache ------------------------------------------------------- */

static uint64_t fill_left, filled;

static int read_one(const char *path, const struct stat *st, int type,
                    struct FTW *ftw)
{
    static char buffer[1 << 16];
    ssize_t n;
    int fd;

    (void)st;
    (void)ftw;
    fd = type == FTW_F ? open(path, O_RDONLY) : -1;
    if (fd < 0)
        return 0;
    while (fill_left > 0 && (n = read(fd, buffer, sizeof(buffer))) > 0) {
        filled += (uint64_t)n;
        fill_left -= (uint64_t)n < fill_left ? (uint64_t)n : fill_left;
    }
    close(fd);
    return fill_left == 0;
}

/* Reads files below the targets' parent directories, in the order of the
 * directories, until there are enough or no more. */
static void fill(const char *mib, char *reply, size_t size)
{
    filled = 0;
    fill_left = strtoull(mib, NULL, 10) << 20;
    for (unsigned i = 0; i < target_count; i++) {
        char top[256], *slash;

        if (targets[i].raw)
            continue;
        snprintf(top, sizeof(top), "%s", targets[i].path);
        slash = strrchr(top, '/');
        if (slash && slash > top)
            *slash = '\0';
        nftw(top, read_one, 16, FTW_PHYS);
    }
    snprintf(reply, size, "FILLED %llu MiB",
             (unsigned long long)(filled >> 20));
}

/* --- commands --------------------------------------------------------- */

/* Answers a new command.  Returns 1 if it was "halt". */
static int serve(int *busy)
{
    static char last[64];
    char command[128], reply[400], *verb;
    int used, halt;

    if (xs_get("data/command", command, sizeof(command)) < 0 ||
        strncmp(command, last, sizeof(last)) == 0)
        return 0;
    snprintf(last, sizeof(last), "%.63s", command);
    verb = strchr(command, ' ');
    if (!verb)
        return 0;
    *verb++ = '\0';
    used = snprintf(reply, sizeof(reply), "%s ", command);
    halt = strcmp(verb, "halt") == 0;
    if (strcmp(verb, "check") == 0)
        check(reply + used, sizeof(reply) - (size_t)used);
    else if (strncmp(verb, "fill ", 5) == 0)
        fill(verb + 5, reply + used, sizeof(reply) - (size_t)used);
    else if (strcmp(verb, "quiet") == 0 || strcmp(verb, "busy") == 0)
        *busy = verb[0] == 'b';
    else if (strcmp(verb, "reset") == 0)
        shared->reset = 1;
    if (strcmp(verb, "check") != 0 && strncmp(verb, "fill ", 5) != 0)
        snprintf(reply + used, sizeof(reply) - (size_t)used,
                 "COUNT %llu GAP %llu %llu WRITES %llu",
                 (unsigned long long)shared->count,
                 (unsigned long long)shared->real_gap,
                 (unsigned long long)shared->mono_gap,
                 (unsigned long long)writes);
    printf("guest: %s: %s\n", verb, reply + used);
    xs_put("data/reply", reply);
    return halt;
}

static void tick_forever(void)
{
    uint64_t real = now_ms(CLOCK_REALTIME), mono = now_ms(CLOCK_MONOTONIC);
    uint64_t said = mono;

    for (;;) {
        uint64_t r, m;

        pause_ms(TICK_MS);
        shared->count++;
        r = now_ms(CLOCK_REALTIME);
        m = now_ms(CLOCK_MONOTONIC);
        if (shared->reset)
            shared->reset = shared->real_gap = shared->mono_gap = 0;
        else if (r > real && r - real > shared->real_gap)
            shared->real_gap = r - real;
        if (m - mono > shared->mono_gap)
            shared->mono_gap = m - mono;
        real = r;
        mono = m;
        if (m - said >= 1000) {
            said = m;
            printf("guest: tick %llu at %llu.%03llu\n",
                   (unsigned long long)shared->count,
                   (unsigned long long)r / 1000,
                   (unsigned long long)r % 1000);
        }
    }
}

/* Takes a target from the command line. */
static int take_target(char *word)
{
    struct target *t = &targets[target_count];
    char *path = strchr(word, ':'), *base = strchr(word, '@');

    if (!path || target_count == MAX_TARGETS)
        return -1;
    if (base) {
        *base = '\0';
        t->base = strtoll(base + 1, NULL, 10);
    }
    t->raw = word[0] == 'r';
    t->path = path + 1;
    t->seq = calloc(slots, sizeof(*t->seq));
    target_count++;
    return t->seq ? 0 : -1;
}

static void fill_target(struct target *t)
{
    char name[256];

    for (unsigned slot = 0; slot < slots; slot++) {
        snprintf(name, sizeof(name), "%s/part%u", t->path, slot / PER_FILE);
        if (rate && !t->raw && slot % PER_FILE == 0 && mkdir(name, 0755) < 0)
            bad("mkdir %s: %s", name, strerror(errno));
        rewrite_slot(t, slot);
    }
    if (!t->raw)
        store_counter(t);
    target_close(t);            /* not for the child to keep */
}

int main(int argc, char **argv)
{
    int busy = 1, c;

    setvbuf(stdout, NULL, _IOLBF, 0);
    while ((c = getopt(argc, argv, "n:r:")) != -1)
        if (c == 'n')
            slots = (unsigned)atoi(optarg);
        else if (c == 'r')
            rate = (unsigned)atoi(optarg);
        else
            return 2;
    for (; optind < argc; optind++)
        if (take_target(argv[optind]) < 0)
            return 2;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    for (unsigned i = 0; i < target_count; i++)
        fill_target(&targets[i]);
    sync();
    if (fork() == 0)
        tick_forever();
    printf("guest: ready, %u targets\n", target_count);
    xs_put("data/reply", "0 READY");
    for (;;) {
        if (busy && rate)
            write_at_rate();
        for (unsigned i = 0; i < target_count && busy && !rate; i++)
            write_some(&targets[i]);
        if (serve(&busy))
            return 0;
        pause_ms(PAUSE_MS);
    }
}
