/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded for test/faults/test-nth.sh: the N-th call of a class fails.
 *
 * FAILNTH=WORD:CLASS:N:ERROR:HOW acts in the process one of whose first two
 * arguments ends in WORD, and in no other.  CLASS is one of class_names.  N
 * counts from 1; with 0, calls of every class are counted and none fails.
 * ERROR is the number of an error, or 0: then a read or a write does only a
 * part.  HOW is "once", or "on": all later calls fail, too.
 *
 * FAILNTH_STATE is a file of at least 4096 zeros: there the calls are counted,
 * and is written where the first one failed.  It is mapped, so that also a
 * process in a sandbox can tell.
 *
 * What the C library does inside itself is not seen, but for its allocations.
 */
#define _GNU_SOURCE     /* config.h is left out: off_t stays what it is */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAMES 24

enum class { MEMORY, READ, WRITE, SYNC, NAME, THREAD, OPEN, MAP, PROCESS,
    CLASSES };

/* The shared file; test/faults/nth.py reads it. */
struct state {
    _Atomic uint64_t calls[CLASSES];
    _Atomic uint64_t failed;
    uint64_t n_frames;
    uint64_t frames[FRAMES];        /* offsets in the program */
};

static const char *const class_names[CLASSES] = {
    "memory", "read", "write", "sync", "name", "thread", "open", "map",
    "process",
};

static struct state *state;
static bool acting;
static enum class wanted = CLASSES;
static unsigned long nth;
static int error;
static bool on;
static uintptr_t base;
/* What backtrace() allocates is not the program's. */
static __thread bool inside __attribute__((tls_model("initial-exec")));

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

static void note_place(void)
{
    void *stack[FRAMES];
    int i, n;

    inside = true;
    n = backtrace(stack, FRAMES);
    for (i = 0; i < n; i++)
        state->frames[i] = (uintptr_t)stack[i] - base;
    state->n_frames = n;
    inside = false;
}

/* Whether this call is to fail, or to do a part only. */
static bool meant(enum class class)
{
    unsigned long call;

    if (!acting || inside)
        return false;
    call = atomic_fetch_add(&state->calls[class], 1) + 1;
    if (class != wanted || call < nth || (call > nth && !on))
        return false;
    if (atomic_fetch_add(&state->failed, 1) == 0)
        note_place();
    return true;
}

static bool fails(enum class class)
{
    if (!meant(class) || !error)
        return false;
    errno = error;
    return true;
}

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && !strcmp(text + n - m, end);
}

static bool is_process(const char *word)
{
    char line[4096], *second;
    ssize_t n;
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    n = read(fd, line, sizeof(line) - 2);
    close(fd);
    if (n <= 0)
        return false;
    line[n] = line[n + 1] = '\0';
    second = line + strlen(line) + 1;
    return ends_in(line, word) || ends_in(second, word);
}

/* The first object is the program. */
static int note_base(struct dl_phdr_info *info, size_t size, void *opaque)
{
    (void)size;
    (void)opaque;
    base = info->dlpi_addr;
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    char spec[128], *save, *word, *class, *number, *code, *how;
    const char *given = getenv("FAILNTH"), *path = getenv("FAILNTH_STATE");
    void *stack[2];
    unsigned i;
    int fd;

    if (!given || !path || snprintf(spec, sizeof(spec), "%s", given) >=
        (int)sizeof(spec))
        return;
    word = strtok_r(spec, ":", &save);
    class = strtok_r(NULL, ":", &save);
    number = strtok_r(NULL, ":", &save);
    code = strtok_r(NULL, ":", &save);
    how = strtok_r(NULL, ":", &save);
    if (!how || !is_process(word))
        return;
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    state = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (state == MAP_FAILED)
        return;
    backtrace(stack, 2);            /* loads what it needs */
    dl_iterate_phdr(note_base, NULL);
    nth = strtoul(number, NULL, 10);
    error = atoi(code);
    on = !strcmp(how, "on");
    for (i = 0; i < CLASSES; i++)
        if (nth && !strcmp(class, class_names[i]))
            wanted = i;
    acting = true;
}

/* Memory: the C library's own allocator by its other names, since dlsym()
 * allocates. */

void *malloc(size_t n)
{
    return fails(MEMORY) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails(MEMORY) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails(MEMORY) ? NULL : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t n, size_t size)
{
    size_t all;

    if (__builtin_mul_overflow(n, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(p, all);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return fails(MEMORY) ? NULL : __libc_memalign(alignment, n);
}

void *memalign(size_t alignment, size_t n)
{
    return fails(MEMORY) ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
    void *got;

    if (fails(MEMORY) || !(got = __libc_memalign(alignment, n)))
        return ENOMEM;
    *p = got;
    return 0;
}

/* The next function of that name. */
#define REAL(function) __extension__ ({                                 \
    static void *_Atomic cached;                                        \
    if (!cached)                                                        \
        cached = dlsym(RTLD_NEXT, #function);                           \
    (__typeof__(&function))cached; })

/* NAME(ARGUMENTS), of a class, which fails with VALUE. */
#define WRAP(class, type, value, function, parameters, arguments)       \
type function parameters                                                \
{                                                                       \
    return fails(class) ? (value) : REAL(function) arguments;           \
}

/* What the kernel makes of no file, as an eventfd, cannot fail. */
static bool is_file(int fd)
{
    struct stat st;

    return acting && (fstat(fd, &st) || (st.st_mode & S_IFMT));
}

/* The same of what reads or writes N bytes, or a part. */
#define WRAP_PART(class, function, parameters, arguments)               \
ssize_t function parameters                                             \
{                                                                       \
    if (is_file(fd) && meant(class)) {                                  \
        if (error) {                                                    \
            errno = error;                                              \
            return -1;                                                  \
        }                                                               \
        n = n > 1 ? n / 2 : n;                                          \
    }                                                                   \
    return REAL(function) arguments;                                    \
}

/* What _FORTIFY_SOURCE calls instead. */
ssize_t __read_chk(int fd, void *p, size_t n, size_t room);
ssize_t __pread_chk(int fd, void *p, size_t n, off_t at, size_t room);
ssize_t __pread64_chk(int fd, void *p, size_t n, off64_t at, size_t room);
ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int at, const char *path, int flags);
int __openat64_2(int at, const char *path, int flags);

WRAP_PART(READ, read, (int fd, void *p, size_t n), (fd, p, n))
WRAP_PART(READ, __read_chk, (int fd, void *p, size_t n, size_t room),
          (fd, p, n, room))
WRAP_PART(READ, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
WRAP_PART(READ, pread64, (int fd, void *p, size_t n, off64_t at),
          (fd, p, n, at))
WRAP_PART(READ, __pread_chk,
          (int fd, void *p, size_t n, off_t at, size_t room),
          (fd, p, n, at, room))
WRAP_PART(READ, __pread64_chk,
          (int fd, void *p, size_t n, off64_t at, size_t room),
          (fd, p, n, at, room))
/* Of packets, which come whole. */
WRAP(READ, ssize_t, -1, recv, (int fd, void *p, size_t n, int flags),
     (fd, p, n, flags))
WRAP(READ, ssize_t, -1, __recv_chk,
     (int fd, void *p, size_t n, size_t room, int flags),
     (fd, p, n, room, flags))
WRAP(READ, ssize_t, -1, recvmsg, (int fd, struct msghdr *m, int flags),
     (fd, m, flags))

WRAP_PART(WRITE, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP_PART(WRITE, pwrite, (int fd, const void *p, size_t n, off_t at),
          (fd, p, n, at))
WRAP_PART(WRITE, pwrite64, (int fd, const void *p, size_t n, off64_t at),
          (fd, p, n, at))
/* Of packets, which go whole. */
WRAP(WRITE, ssize_t, -1, send, (int fd, const void *p, size_t n, int flags),
     (fd, p, n, flags))
WRAP(WRITE, ssize_t, -1, sendmsg,
     (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP(WRITE, ssize_t, -1, writev, (int fd, const struct iovec *v, int n),
     (fd, v, n))
WRAP(WRITE, ssize_t, -1, pwritev64,
     (int fd, const struct iovec *v, int n, off64_t at), (fd, v, n, at))
WRAP(WRITE, int, -1, ftruncate, (int fd, off_t size), (fd, size))
WRAP(WRITE, int, -1, ftruncate64, (int fd, off64_t size), (fd, size))
WRAP(WRITE, int, -1, fallocate, (int fd, int mode, off_t at, off_t n),
     (fd, mode, at, n))
WRAP(WRITE, int, -1, fallocate64, (int fd, int mode, off64_t at, off64_t n),
     (fd, mode, at, n))
WRAP_PART(WRITE, copy_file_range,
          (int fd, off64_t *at, int to, off64_t *there, size_t n,
           unsigned flags), (fd, at, to, there, n, flags))

WRAP(SYNC, int, -1, fsync, (int fd), (fd))
WRAP(SYNC, int, -1, fdatasync, (int fd), (fd))
WRAP(SYNC, int, -1, syncfs, (int fd), (fd))
WRAP(SYNC, int, -1, msync, (void *p, size_t n, int flags), (p, n, flags))
WRAP(SYNC, int, -1, sync_file_range,
     (int fd, off64_t at, off64_t n, unsigned flags), (fd, at, n, flags))

WRAP(NAME, int, -1, rename, (const char *from, const char *to), (from, to))
WRAP(NAME, int, -1, renameat,
     (int at, const char *from, int there, const char *to),
     (at, from, there, to))
WRAP(NAME, int, -1, renameat2,
     (int at, const char *from, int there, const char *to, unsigned flags),
     (at, from, there, to, flags))
WRAP(NAME, int, -1, link, (const char *from, const char *to), (from, to))
WRAP(NAME, int, -1, linkat,
     (int at, const char *from, int there, const char *to, int flags),
     (at, from, there, to, flags))
WRAP(NAME, int, -1, unlink, (const char *path), (path))
WRAP(NAME, int, -1, unlinkat, (int at, const char *path, int flags),
     (at, path, flags))
WRAP(NAME, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(NAME, int, -1, mkdirat, (int at, const char *path, mode_t mode),
     (at, path, mode))
WRAP(NAME, int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(NAME, int, -1, fchown, (int fd, uid_t user, gid_t group),
     (fd, user, group))

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*start)(void *), void *argument)
{
    if (fails(THREAD))
        return error;
    return REAL(pthread_create)(thread, attributes, start, argument);
}

/* The mode is there only if a file may be made. */
#define WRAP_OPEN(function)                                             \
int function(const char *path, int flags, ...)                          \
{                                                                       \
    mode_t mode = 0;                                                    \
    va_list rest;                                                       \
                                                                        \
    if (flags & (O_CREAT | O_TMPFILE)) {                                \
        va_start(rest, flags);                                          \
        mode = va_arg(rest, mode_t);                                    \
        va_end(rest);                                                   \
    }                                                                   \
    return fails(OPEN) ? -1 : REAL(function)(path, flags, mode);        \
}

#define WRAP_OPENAT(function)                                           \
int function(int at, const char *path, int flags, ...)                  \
{                                                                       \
    mode_t mode = 0;                                                    \
    va_list rest;                                                       \
                                                                        \
    if (flags & (O_CREAT | O_TMPFILE)) {                                \
        va_start(rest, flags);                                          \
        mode = va_arg(rest, mode_t);                                    \
        va_end(rest);                                                   \
    }                                                                   \
    return fails(OPEN) ? -1 : REAL(function)(at, path, flags, mode);    \
}

WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)
WRAP(OPEN, int, -1, __open_2, (const char *path, int flags), (path, flags))
WRAP(OPEN, int, -1, __open64_2, (const char *path, int flags), (path, flags))
WRAP(OPEN, int, -1, __openat_2, (int at, const char *path, int flags),
     (at, path, flags))
WRAP(OPEN, int, -1, __openat64_2, (int at, const char *path, int flags),
     (at, path, flags))
WRAP(OPEN, FILE *, NULL, fopen, (const char *path, const char *mode),
     (path, mode))
WRAP(OPEN, FILE *, NULL, fopen64, (const char *path, const char *mode),
     (path, mode))
WRAP(OPEN, FILE *, NULL, fdopen, (int fd, const char *mode), (fd, mode))
WRAP(OPEN, DIR *, NULL, opendir, (const char *path), (path))
WRAP(OPEN, int, -1, pipe2, (int fd[2], int flags), (fd, flags))
WRAP(OPEN, int, -1, socketpair, (int domain, int type, int how, int fd[2]),
     (domain, type, how, fd))

WRAP(MAP, void *, MAP_FAILED, mmap,
     (void *p, size_t n, int how, int flags, int fd, off_t at),
     (p, n, how, flags, fd, at))
WRAP(MAP, void *, MAP_FAILED, mmap64,
     (void *p, size_t n, int how, int flags, int fd, off64_t at),
     (p, n, how, flags, fd, at))

WRAP(PROCESS, pid_t, -1, fork, (void), ())

int posix_spawn(pid_t *pid, const char *path,
                const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[],
                char *const envp[])
{
    if (fails(PROCESS))
        return error;
    return REAL(posix_spawn)(pid, path, actions, attributes, argv, envp);
}

int posix_spawnp(pid_t *pid, const char *path,
                 const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[],
                 char *const envp[])
{
    if (fails(PROCESS))
        return error;
    return REAL(posix_spawnp)(pid, path, actions, attributes, argv, envp);
}
