/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of storage; see identity.h.  Sources: the kernel's
 * Documentation/ABI/{stable,testing}/sysfs-block, sysfs-bus-rbd; drivers/md/dm
 * and the prefixes that LVM2, cryptsetup, multipath-tools and kpartx give to a
 * mapping's UUID; drbdsetup-show(8); nbd-client(8).
 */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/fdio.h"
#include "plugin/image/identity.h"

#define TEXT 512                /* an attribute, or a line */
#define PART 64                 /* ":part1", and what that is cut into */
#define DEPTH_MAX 8             /* devices that lie on devices */
#define DRBD_BYTES (1u << 20)   /* of what drbdsetup says */
#define DRBD_SECONDS 5
#define NBD_PORT "10809"

const struct identity_sources identity_system = {
    "/sys", "/proc", "drbdsetup",
};

/* The names found so far. */
struct found {
    const struct identity_sources *from;
    char **names;
    size_t n, max;
    int rc;                     /* why there may be more */
};

/* Adds a name, and what stands for the part of that device. */
static void __attribute__((format(printf, 3, 4)))
add(struct found *f, const char *part, const char *fmt, ...)
{
    char name[4 * TEXT];
    va_list ap;
    size_t i;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(name, sizeof(name), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n + strlen(part) >= sizeof(name) || f->n == f->max)
        return;
    strcat(name, part);
    for (i = 0; i < f->n; i++)
        if (!strcmp(f->names[i], name))
            return;
    f->names[f->n] = strdup(name);
    if (f->names[f->n])
        f->n++;
    else
        f->rc = -ENOMEM;
}

/* Reads an attribute, without blanks around it. */
static bool read_text(char text[TEXT], const char *directory, const char *name)
{
    char path[PATH_MAX];
    size_t n, blank;
    FILE *f;

    if (snprintf(path, sizeof(path), "%s/%s", directory, name) >=
        (int)sizeof(path))
        return false;
    f = fopen(path, "re");
    if (!f)
        return false;
    n = fread(text, 1, TEXT - 1, f);
    fclose(f);
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    text[n] = '\0';
    blank = strspn(text, " \t");
    memmove(text, text + blank, n - blank + 1);
    return *text != '\0' && n < TEXT - 1;
}

/* A name of zeros is one that nobody has given. */
static bool is_given(const char *name)
{
    return name[strspn(name, "0-.")] != '\0';
}

/* Kinds of identifiers that are unique in the world.  Others (t10., nvme.) are
 * made of a maker's name and a serial number, which targets in software leave
 * at their defaults. */
static void add_wwid(struct found *f, const char *wwid, const char *part)
{
    static const char *const kinds[] = { "naa.", "eui.", "uuid." };
    char lower[TEXT];
    size_t i;

    for (i = 0; i < TEXT - 1 && wwid[i]; i++)
        lower[i] = tolower((unsigned char)wwid[i]);
    lower[i] = '\0';
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strncmp(lower, kinds[i], strlen(kinds[i])) &&
            is_given(lower + strlen(kinds[i])))
            add(f, part, "wwid:%s", lower);
}

/* multipath-tools name a LUN as scsi_id does: a digit for the kind. */
static void add_multipath(struct found *f, const char *name, const char *part)
{
    char wwid[TEXT];

    if (*name == '3' || *name == '2')
        snprintf(wwid, sizeof(wwid), "%s.%s", *name == '3' ? "naa" : "eui",
                 name + 1);
    else
        snprintf(wwid, sizeof(wwid), "%s", name);
    add_wwid(f, wwid, part);
}

/* CRYPT-LUKS2-UUID-NAME: the name is this host's own. */
static bool add_luks(struct found *f, const char *uuid, const char *part)
{
    const char *rest;

    if (strncmp(uuid, "CRYPT-LUKS", 10) || !(rest = strchr(uuid + 10, '-')) ||
        strcspn(rest + 1, "-") != 32)
        return false;
    add(f, part, "dm:%.*s", (int)(rest + 33 - uuid), uuid);
    return true;
}

/* What a UUID of device mapper tells.  part: room for what kpartx has cut off,
 * which is a part of the only device that it lies on. */
static void add_mapping(struct found *f, const char *uuid,
                        char part[PART])
{
    size_t digits = strncmp(uuid, "part", 4) ? 0 :
        strspn(uuid + 4, "0123456789");

    if (digits > 0 && digits < 10 && uuid[4 + digits] == '-') {
        char longer[PART];

        snprintf(longer, sizeof(longer), ":part%.*s%.40s", (int)digits,
                 uuid + 4, part);
        memcpy(part, longer, sizeof(longer));
        uuid += 4 + digits + 1;
    }
    if (!strncmp(uuid, "mpath-", 6))
        add_multipath(f, uuid + 6, part);
    else if (!add_luks(f, uuid, part) && strncmp(uuid, "CRYPT-", 6))
        add(f, part, "dm:%s", uuid);
}

/* rbdN */
static void add_rbd(struct found *f, const char *kernel, const char *part)
{
    char directory[PATH_MAX], cluster[TEXT], pool[TEXT], space[TEXT],
        image[TEXT], snapshot[TEXT];

    snprintf(directory, sizeof(directory), "%s/bus/rbd/devices/%s",
             f->from->sys, kernel + 3);
    if (!read_text(cluster, directory, "cluster_fsid") ||
        !read_text(pool, directory, "pool_id") ||
        !read_text(image, directory, "image_id"))
        return;
    if (!read_text(space, directory, "pool_ns"))
        *space = '\0';
    if (!read_text(snapshot, directory, "current_snap"))
        strcpy(snapshot, "-");
    add(f, part, "rbd:%s/%s/%s/%s@%s", cluster, pool, space, image, snapshot);
}

/* nbdN: what the client was called with. */

struct nbd {
    const char *server, *port, *export;
};

/* Not another process that has got the number since. */
static bool is_client_of(char *const *argv, size_t n, const char *kernel)
{
    const char *slash = strrchr(argv[0], '/');
    size_t i;

    if (strcmp(slash ? slash + 1 : argv[0], "nbd-client"))
        return false;
    for (i = 1; i < n; i++)
        if (!strncmp(argv[i], "/dev/", 5) && !strcmp(argv[i] + 5, kernel))
            return true;
    return false;
}

/* nbd-client [OPTION...] HOST [PORT] /dev/nbdN [OPTION...] */
static bool parse_client(char *const *argv, size_t n, struct nbd *nbd)
{
    size_t i;

    *nbd = (struct nbd){ NULL, NBD_PORT, "" };
    for (i = 1; i < n; i++) {
        if (!strcmp(argv[i], "-N") || !strcmp(argv[i], "-name")) {
            if (++i < n)
                nbd->export = argv[i];
        } else if (!strncmp(argv[i], "-unix", 5) || !strcmp(argv[i], "-u")) {
            return false;
        } else if (!strcmp(argv[i], "-b") || !strcmp(argv[i], "-t") ||
                   !strcmp(argv[i], "-C") || !strcmp(argv[i], "-B") ||
                   !strcmp(argv[i], "-i") || !strcmp(argv[i], "-T")) {
            i++;
        } else if (*argv[i] == '-' || !strncmp(argv[i], "/dev/", 5)) {
            continue;
        } else if (!nbd->server) {
            nbd->server = argv[i];
        } else if (argv[i][strspn(argv[i], "0123456789")] == '\0') {
            nbd->port = argv[i];
        }
    }
    return nbd->server != NULL;
}

/* Every host has another one of that name. */
static bool is_here(const char *server)
{
    return !strncmp(server, "localhost", 9) || !strncmp(server, "127.", 4) ||
        !strcmp(server, "::1") || !strcmp(server, "[::1]");
}

static void add_nbd(struct found *f, const char *directory, const char *kernel,
                    const char *part)
{
    char pid[TEXT], path[PATH_MAX], line[TEXT], *argv[64], *p;
    struct nbd nbd;
    size_t n = 0, length;
    FILE *file;

    if (!read_text(pid, directory, "pid") ||
        pid[strspn(pid, "0123456789")] != '\0')
        return;
    snprintf(path, sizeof(path), "%s/%s/cmdline", f->from->proc, pid);
    file = fopen(path, "re");
    if (!file)
        return;
    length = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    /* One that is longer might end in the middle of a word. */
    if (length == sizeof(line) - 1)
        return;
    line[length] = '\0';
    for (p = line; p < line + length && n < 64; p += strlen(p) + 1)
        argv[n++] = p;
    if (n > 0 && is_client_of(argv, n, kernel) &&
        parse_client(argv, n, &nbd) && !is_here(nbd.server))
        add(f, part, "nbd:%s:%s/%s", nbd.server, nbd.port, nbd.export);
}

/* drbdN: what 'drbdsetup show' says. */

/* Reads what a program says, to its end or for so long. */
static size_t read_output(int fd, char *text, size_t size)
{
    double limit = monotonic_seconds() + DRBD_SECONDS;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    size_t length = 0;
    ssize_t n;
    int left;

    while (length < size - 1) {
        left = (limit - monotonic_seconds()) * 1000;
        if (left <= 0 || poll(&p, 1, left) <= 0)
            break;
        n = read(fd, text + length, size - 1 - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        length += n;
    }
    text[length] = '\0';
    return length;
}

static void run_show(const char *program, int out)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0 || fd_become(null, 0) || fd_become(out, 1) ||
        fd_become(null, 2))
        _exit(127);
    execlp(program, program, "show", (char *)NULL);
    _exit(127);
}

/* For free(), or NULL. */
static char *show_drbd(struct found *f, const char *program)
{
    char *text = malloc(DRBD_BYTES);
    pid_t child;
    int fd[2];

    if (!text)
        f->rc = -ENOMEM;
    if (!text || pipe2(fd, O_CLOEXEC)) {
        free(text);
        return NULL;
    }
    child = fork();
    if (child == 0)
        run_show(program, fd[1]);
    close(fd[1]);
    if (child > 0) {
        read_output(fd[0], text, DRBD_BYTES);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    } else {
        *text = '\0';
    }
    close(fd[0]);
    return text;
}

/* A resource, while it is read. */
struct resource {
    char name[TEXT], volume[TEXT];
    char address[2][TEXT];      /* of a connection: ours and the peer's */
    char pairs[IDENTITIES_MAX][2 * TEXT];
    size_t n_pairs;
    bool ours;                  /* has the minor */
};

static void end_resource(struct found *f, const struct resource *r,
                         const char *part)
{
    size_t i;

    for (i = 0; r->ours && i < r->n_pairs; i++)
        add(f, part, "drbd:%s/%s:%s", r->name, r->volume, r->pairs[i]);
}

/* Both hosts put the same one of the two addresses first. */
static void take_address(struct resource *r, const char *address, bool remote)
{
    char *a = r->address[0], *b = r->address[1];

    snprintf(r->address[remote], TEXT, "%s", address);
    if (!*a || !*b || r->n_pairs == IDENTITIES_MAX)
        return;
    snprintf(r->pairs[r->n_pairs++], sizeof(r->pairs[0]), "%s-%s",
             strcmp(a, b) < 0 ? a : b, strcmp(a, b) < 0 ? b : a);
    *a = *b = '\0';
}

/*
 * The words of all resources.  8.4 has "_this_host { volume 0 { device minor
 * 1; } address ipv4 A; }", 9 has the volumes there and "_this_host ipv4 A;" in
 * each path of a connection; the same for _remote_host, before or after it.
 */
static void parse_drbd(struct found *f, char *text, unsigned wanted,
                       const char *part)
{
    char *save = NULL, *word, volume[TEXT] = "0";
    char before[2][TEXT] = { "", "" };
    struct resource r = { .ours = false };
    bool remote = false;

    for (word = strtok_r(text, " \t\n{};\"", &save); word;
         word = strtok_r(NULL, " \t\n{};\"", &save)) {
        if (!strcmp(before[1], "resource")) {
            end_resource(f, &r, part);
            memset(&r, 0, sizeof(r));
            snprintf(r.name, sizeof(r.name), "%s", word);
        } else if (!strcmp(before[1], "volume")) {
            snprintf(volume, sizeof(volume), "%s", word);
        } else if (!strcmp(before[0], "device") &&
                   !strcmp(before[1], "minor") &&
                   strtoul(word, NULL, 10) == wanted) {
            r.ours = true;
            snprintf(r.volume, sizeof(r.volume), "%s", volume);
        } else if (!strcmp(before[1], "ipv4") || !strcmp(before[1], "ipv6")) {
            take_address(&r, word, remote);
        } else if (!strcmp(word, "_this_host") ||
                   !strcmp(word, "_remote_host")) {
            remote = word[1] == 'r';
        }
        memcpy(before[0], before[1], TEXT);
        snprintf(before[1], TEXT, "%s", word);
    }
    end_resource(f, &r, part);
}

static void add_drbd(struct found *f, unsigned wanted, const char *part)
{
    char *text = f->from->drbdsetup ? show_drbd(f, f->from->drbdsetup) : NULL;

    if (text)
        parse_drbd(f, text, wanted, part);
    free(text);
}

/* Devices */

static void look(struct found *f, const char *directory, const char *part,
                 unsigned depth);

/* A mapping of multipath or kpartx is what it lies on. */
static void look_below(struct found *f, const char *directory,
                       const char *part, unsigned depth)
{
    char path[PATH_MAX], real[PATH_MAX];
    struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof(path), "%s/slaves", directory);
    dir = opendir(path);
    while (dir && (e = readdir(dir))) {
        if (*e->d_name == '.' ||
            snprintf(path, sizeof(path), "%s/slaves/%s", directory,
                     e->d_name) >= (int)sizeof(path) || !realpath(path, real))
            continue;
        look(f, real, part, depth + 1);
    }
    if (dir)
        closedir(dir);
}

/* Returns whether the mapping stands for all of what it lies on, or a part of
 * that: then part has it. */
static bool look_at_mapping(struct found *f, const char *directory, char *part)
{
    char uuid[TEXT];

    if (!read_text(uuid, directory, "dm/uuid"))
        return false;
    add_mapping(f, uuid, part);
    return !strncmp(uuid, "mpath-", 6) || !strncmp(uuid, "part", 4);
}

static void look_at_whole(struct found *f, const char *directory,
                          const char *part)
{
    static const char *const wwids[] = { "wwid", "device/wwid" };
    const char *kernel = strrchr(directory, '/') + 1;
    char text[TEXT];
    unsigned wanted;
    size_t i;

    for (i = 0; i < sizeof(wwids) / sizeof(wwids[0]); i++)
        if (read_text(text, directory, wwids[i]))
            add_wwid(f, text, part);
    if (read_text(text, directory, "md/uuid") && is_given(text))
        add(f, part, "md:%s", text);
    if (!strncmp(kernel, "rbd", 3))
        add_rbd(f, kernel, part);
    else if (!strncmp(kernel, "nbd", 3))
        add_nbd(f, directory, kernel, part);
    else if (!strncmp(kernel, "drbd", 4) &&
             read_text(text, directory, "dev") &&
             sscanf(text, "%*u:%u", &wanted) == 1)
        add_drbd(f, wanted, part);
}

/* directory: of the device, without symbolic links. */
static void look(struct found *f, const char *directory, const char *part,
                 unsigned depth)
{
    char number[TEXT], inner[PART], whole[PATH_MAX];

    if (depth > DEPTH_MAX || !strrchr(directory, '/'))
        return;
    if (read_text(number, directory, "partition")) {
        snprintf(inner, sizeof(inner), ":part%.16s%.32s", number, part);
        snprintf(whole, sizeof(whole), "%s", directory);
        *strrchr(whole, '/') = '\0';
        look(f, whole, inner, depth + 1);
        return;
    }
    snprintf(inner, sizeof(inner), "%s", part);
    if (look_at_mapping(f, directory, inner))
        look_below(f, directory, inner, depth);
    look_at_whole(f, directory, inner);
}

int device_identities(const struct identity_sources *from, dev_t device,
                      char **names, size_t max, size_t *n)
{
    struct found f = { from, names, 0, max, 0 };
    char path[PATH_MAX], directory[PATH_MAX], boot[TEXT];

    if (read_text(boot, from->proc, "sys/kernel/random/boot_id"))
        add(&f, "", "host:%s:%u:%u", boot, major(device), minor(device));
    snprintf(path, sizeof(path), "%s/dev/block/%u:%u", from->sys,
             major(device), minor(device));
    if (realpath(path, directory))
        look(&f, directory, "", 0);
    else if (errno == ENOMEM)
        f.rc = -ENOMEM;
    while (f.rc && f.n > 0)
        free(names[--f.n]);
    *n = f.n;
    return f.rc;
}
