/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source's copy after its guest has moved: what is in use when the time is
 * over, or is not what was sent, stays, whatever is asked for. */
#include "config.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "plugin/source/remove_source.h"
#include "test/unit/loop.h"
#include "test/unit/unit.h"

#define SIZE (3u << 20)

static char *directory;
static uint8_t content[SIZE];

/* Somebody writes between the sending and the end, and hides it. */
static bool meddle;

static void write_hidden(int fd)
{
    struct timespec times[2];
    struct stat st;

    assert(!fstat(fd, &st));
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    assert(pwrite(fd, content, 4096, 8192) == 4096 && !fsync(fd));
    assert(!futimens(fd, times));
}

/* The target's copy may be the same storage. */
static bool doubtful;

/* What the source does: adds it, sends it, disposes of it. */
static int dispose(const char *image, bool wipe)
{
    struct remove_source r = { .remove = !wipe, .wipe = wipe,
                           .users_known = true };
    int fd, rc;

    rc = remove_source_add(&r, "xvda", image);
    if (rc)
        return rc;
    fd = open(image, O_RDWR);
    assert(fd >= 0 && !stamp_of_fd(fd, &r.first->stamp));
    if (meddle)
        write_hidden(fd);
    close(fd);
    r.first->sent = true;
    r.first->apart = !doubtful;
    rc = remove_source_run(&r, 0, directory, "guest");
    remove_source_release(&r);
    return rc;
}

static bool is_whole(const char *image)
{
    static uint8_t now[SIZE];
    int fd = open(image, O_RDONLY);
    ssize_t n = read(fd, now, SIZE);

    close(fd);
    return n == SIZE && !memcmp(now, content, SIZE);
}

static void stays(const char *image, int rc)
{
    assert(dispose(image, true) == rc && is_whole(image));
}

static void test_file_in_use(void)
{
    char *path = path_in(directory, "image"), *loop;
    void *map;
    int fd;

    write_file(path, content, SIZE);
    fd = open(path, O_RDONLY);
    stays(path, -EBUSY);
    /* a mapping outlives its descriptor */
    map = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
    assert(map != MAP_FAILED);
    close(fd);
    stays(path, -EBUSY);
    munmap(map, SIZE);
    loop = loop_attach(path);
    if (loop) {
        stays(path, -EBUSY);
        loop_detach(loop);
    } else {
        fprintf(stderr, "a loop device on it: skipped\n");
    }
    assert(!dispose(path, true) && access(path, F_OK));
    free(path);
}

static void test_file_changed(void)
{
    char *path = path_in(directory, "image"), *other;

    write_file(path, content, SIZE);
    other = path_in(directory, "other");
    assert(!link(path, other));
    stays(path, -EMLINK);
    assert(!unlink(other));
    free(other);
    doubtful = true;
    stays(path, -EEXIST);
    assert(dispose(path, false) == -EEXIST && is_whole(path));
    doubtful = false;
    meddle = true;
    assert(dispose(path, true) == -ESTALE);
    assert(dispose(path, false) == -ESTALE);
    meddle = false;
    assert(!dispose(path, false) && access(path, F_OK));
    free(path);
}

static void test_device(void)
{
    char *path = path_in(directory, "image"), *loop;
    static const uint8_t zeros[SIZE];
    int fd;

    write_file(path, content, SIZE);
    loop = loop_attach(path);
    if (!loop) {
        fprintf(stderr, "a device: skipped, no loop devices\n");
        free(path);
        return;
    }
    assert(dispose(loop, false) == -ENOTSUP && is_whole(loop));
    /* exclusively, as a mount or device-mapper has it */
    fd = open(loop, O_RDWR | O_EXCL);
    assert(fd >= 0);
    stays(loop, -EBUSY);
    close(fd);
    meddle = true;
    assert(dispose(loop, true) == -ESTALE);
    meddle = false;
    assert(!dispose(loop, true));
    memcpy(content, zeros, SIZE);
    assert(is_whole(loop) && is_whole(path));
    loop_detach(loop);
    free(path);
}

int main(void)
{
    directory = make_directory_for_test();
    noise(content, SIZE, 5);
    RUN(test_file_in_use);
    RUN(test_file_changed);
    RUN(test_device);
    remove_directory(directory);
    return 0;
}
