/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Known versions of the hotplug script; see blockscript.h.
 *
 * These files are configuration: an admin may have put something into them
 * that must happen when a disk is attached.  So they are known by digest, not
 * by version number.
 */
#include "config.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "libxlhooks/blockscript.h"

#define DIGEST_BYTES 16         /* BLAKE2b-128 */
#define LARGEST (64 << 10)      /* bytes; the largest one has 8.5 KiB */

static const struct known {
    const char *name, *digest;
} known[] = {
    /* Xen 4.17.0 to 4.17.7, as Debian 12 installs them, and 4.20.4, as
     * Debian 13 does: the same */
    { "block", "ece48a5eb1eb7d5e46fd609e3ba0b737" },
    { "block-common.sh", "3182f887647db8862d5a6af1a294162f" },
    { "block-common.sh", "aba6f35b5e9b1fe71f6817c62a3a9640" }, /* < 4.17.5 */
    { "locking.sh", "0cf49e777d649268e2b232b3fea2df93" },
    { "xen-hotplug-common.sh", "786164450586527a7757424b9ca167ef" },
    { "xen-script-common.sh", "40773d6426ed3be20d7368f7051b44ed" },
};

/* The digest in hex of a file, "" if it cannot be read. */
static void digest_of(int directory, const char *name,
                      char hex[2 * DIGEST_BYTES + 1])
{
    static unsigned char text[LARGEST];
    unsigned char digest[DIGEST_BYTES];
    ssize_t n, length = 0;
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

    hex[0] = '\0';
    if (fd < 0)
        return;
    while ((n = read(fd, text + length, sizeof(text) - length)) > 0)
        length += n;
    close(fd);
    if (n < 0 || length == sizeof(text) ||
        crypto_generichash(digest, sizeof(digest), text, length, NULL, 0))
        return;
    sodium_bin2hex(hex, 2 * DIGEST_BYTES + 1, digest, sizeof(digest));
}

bool blockscript_is_known(const char *script)
{
    const char *slash = strrchr(script, '/');
    char directory[4096], hex[2 * DIGEST_BYTES + 1];
    size_t i, n = sizeof(known) / sizeof(known[0]);
    bool ok = false;
    int fd;

    if (!slash || strcmp(slash + 1, known[0].name) ||
        (size_t)(slash - script) >= sizeof(directory) || sodium_init() < 0)
        return false;
    memcpy(directory, script, slash - script);
    directory[slash - script] = '\0';
    fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    for (i = 0; i < n; i++) {
        if (!i || strcmp(known[i].name, known[i - 1].name)) {
            if (i && !ok)
                break;
            digest_of(fd, known[i].name, hex);
            ok = false;
        }
        ok = ok || !strcmp(known[i].digest, hex);
    }
    close(fd);
    return ok;
}
