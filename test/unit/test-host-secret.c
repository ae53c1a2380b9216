/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of host_secret.c: it is made once, for its owner alone, and nothing
 * else is taken for it. */
#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/unit.h"

#include "plugin/state/host_secret.h"

static char directory[] = "/tmp/xl-dedup-test-secret-XXXXXX";
static char *path;
static uint8_t first[HOST_SECRET_BYTES], again[HOST_SECRET_BYTES];

static bool is_first(bool make)
{
    host_secret_load(directory, make, again);
    return !memcmp(first, again, sizeof(first));
}

static void made_once(void)
{
    uint8_t other[HOST_SECRET_BYTES];
    struct stat st;

    /* without one, and not to be made: that of this boot */
    host_secret_load(directory, false, other);
    assert(access(path, F_OK));
    host_secret_load(directory, false, again);
    assert(!memcmp(other, again, sizeof(other)));
    host_secret_load(directory, true, first);
    assert(memcmp(other, first, sizeof(first)));
    assert(!lstat(path, &st) && S_ISREG(st.st_mode) &&
           (st.st_mode & 07777) == 0600 && st.st_nlink == 1 &&
           st.st_size == HOST_SECRET_BYTES);
    assert(is_first(true) && is_first(false));
}

static void nothing_else(void)
{
    char *elsewhere;

    assert(!chmod(path, 0644) && !is_first(true));
    assert(!chmod(path, 0600) && is_first(true));
    assert(asprintf(&elsewhere, "%s/elsewhere", directory) > 0);
    assert(!rename(path, elsewhere) && !symlink(elsewhere, path));
    assert(!is_first(true));
    assert(!unlink(path) && !rename(elsewhere, path) && is_first(true));
    assert(!truncate(path, HOST_SECRET_BYTES - 1) && !is_first(true));
    assert(!unlink(path) && !is_first(true));
    free(elsewhere);
}

static void derived(void)
{
    uint8_t a[8], b[8], other[HOST_SECRET_BYTES] = { 1 };

    host_secret_derive(first, "purpose", "file", 4, a, sizeof(a));
    host_secret_derive(first, "purpose", "file", 4, b, sizeof(b));
    assert(!memcmp(a, b, sizeof(a)));
    host_secret_derive(first, "purpose", "life", 4, b, sizeof(b));
    assert(memcmp(a, b, sizeof(a)));
    host_secret_derive(first, "another", "file", 4, b, sizeof(b));
    assert(memcmp(a, b, sizeof(a)));
    host_secret_derive(other, "purpose", "file", 4, b, sizeof(b));
    assert(memcmp(a, b, sizeof(a)));
}

int main(void)
{
    assert(mkdtemp(directory));
    assert(asprintf(&path, "%s/secret", directory) > 0);
    RUN(made_once);
    RUN(nothing_else);
    RUN(derived);
    unlink(path);
    free(path);
    return rmdir(directory);
}
