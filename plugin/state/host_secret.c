/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A secret of this host; see host_secret.h. */
#include "config.h"

#include <blake3.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/state/host_secret.h"

#define BOOT "/proc/sys/kernel/random/boot_id"

/* 0, or a negative errno: -EPERM if it is not as it was made. */
static int read_secret(const char *path, uint8_t *secret)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), rc = 0;
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        st.st_mode & 077 || st.st_size != HOST_SECRET_BYTES ||
        read(fd, secret, HOST_SECRET_BYTES) != HOST_SECRET_BYTES)
        rc = -EPERM;
    close(fd);
    return rc;
}

static int write_secret(int fd)
{
    uint8_t secret[HOST_SECRET_BYTES];
    int rc = 0;

    randombytes_buf(secret, sizeof(secret));
    if (fchmod(fd, 0600) || write(fd, secret, sizeof(secret)) !=
        (ssize_t)sizeof(secret) || fsync(fd))
        rc = -EIO;
    sodium_memzero(secret, sizeof(secret));
    return rc;
}

/* Another process may be about to do the same: whoever links first has made
 * it. */
static int make_secret(const char *state_dir, const char *path)
{
    char *temporary;
    int fd, rc;

    if (asprintf(&temporary, "%s/.secret-XXXXXX", state_dir) < 0)
        return -ENOMEM;
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        rc = -errno;
        free(temporary);
        return rc;
    }
    rc = write_secret(fd);
    close(fd);
    if (!rc && link(temporary, path) && errno != EEXIST)
        rc = -errno;
    unlink(temporary);
    free(temporary);
    return rc;
}

static void use_boot(uint8_t *secret)
{
    blake3_hasher h;
    uint8_t id[64];
    ssize_t n = -1;
    int fd = open(BOOT, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        n = read(fd, id, sizeof(id));
        close(fd);
    }
    if (n <= 0) {
        randombytes_buf(id, sizeof(id));
        n = sizeof(id);
    }
    blake3_hasher_init_derive_key(&h, "xl-dedup: secret of a boot");
    blake3_hasher_update(&h, id, (size_t)n);
    blake3_hasher_finalize(&h, secret, HOST_SECRET_BYTES);
}

void host_secret_load(const char *state_dir, bool make,
                      uint8_t secret[HOST_SECRET_BYTES])
{
    char *path;
    int rc = -ENOMEM;

    if (asprintf(&path, "%s/secret", state_dir) >= 0) {
        rc = read_secret(path, secret);
        if (rc == -ENOENT && make) {
            rc = make_secret(state_dir, path);
            if (!rc)
                rc = read_secret(path, secret);
        }
        if (rc == -EPERM)
            log_warn("%s is not used: it is no file of %d bytes of this "
                     "user's that nobody else may read; remove it, and "
                     "another one will be made", path, HOST_SECRET_BYTES);
        free(path);
    }
    if (rc)
        use_boot(secret);
}

void host_secret_derive(const uint8_t secret[HOST_SECRET_BYTES],
                        const char *purpose, const void *data, size_t length,
                        uint8_t *key, size_t key_length)
{
    blake3_hasher h;

    blake3_hasher_init_keyed(&h, secret);
    blake3_hasher_update(&h, purpose, strlen(purpose) + 1);
    blake3_hasher_update(&h, data, length);
    blake3_hasher_finalize(&h, key, key_length);
}
