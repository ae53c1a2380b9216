/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of identity.c, on trees that look like sysfs: the same storage has
 * a name in common on two hosts, and what is not the same has none.
 */
#include "config.h"

#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "test/unit/unit.h"

#include "plugin/image/identity.h"

#define NAA "naa.600140512345678900000000000000ab"
#define MPATH "mpath-3600140512345678900000000000000ab"

/* A host: its directories, and what it has found last. */
struct host {
    char *directory, *sys, *proc, *drbdsetup;
    struct identity_sources from;
    char *names[IDENTITIES_MAX];
    size_t n;
};

static void make_parents(char *path)
{
    char *slash;

    for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert(!mkdir(path, 0755) || errno == EEXIST);
        *slash = '/';
    }
}

/* A file below the host's directory; n bytes, or to the NUL. */
static void put_bytes(struct host *h, const char *name, const void *data,
                      size_t n)
{
    char *path = path_in(h->directory, name);
    FILE *f;

    make_parents(path);
    f = fopen(path, "w");
    assert(f && fwrite(data, 1, n, f) == n && !fclose(f));
    free(path);
}

static void put(struct host *h, const char *name, const char *text)
{
    put_bytes(h, name, text, strlen(text));
}

/* What the kernel has at /sys/dev/block and below: a link to the device. */
static void device(struct host *h, unsigned minor, const char *place)
{
    char *path, *target;

    assert(asprintf(&path, "%s/sys/dev/block/9:%u", h->directory, minor) > 0);
    assert(asprintf(&target, "../../%s", place) > 0);
    make_parents(path);
    assert(!symlink(target, path));
    free(path);
    free(target);
}

/* of lies on the device at place. */
static void lies_on(struct host *h, const char *of, const char *place)
{
    char *path, *target;

    assert(asprintf(&path, "%s/sys/%s/slaves/%s", h->directory, of,
                    strrchr(place, '/') + 1) > 0);
    assert(asprintf(&target, "%s/sys/%s", h->directory, place) > 0);
    make_parents(path);
    assert(!symlink(target, path));
    free(path);
    free(target);
}

static struct host host(void)
{
    struct host h = { .directory = make_directory_for_test() };

    h.sys = path_in(h.directory, "sys");
    h.proc = path_in(h.directory, "proc");
    h.from.sys = h.sys;
    h.from.proc = h.proc;
    return h;
}

static void forget(struct host *h)
{
    while (h->n > 0)
        free(h->names[--h->n]);
}

static void end(struct host *h)
{
    forget(h);
    free(h->sys);
    free(h->proc);
    free(h->drbdsetup);
    remove_directory(h->directory);
}

static void look(struct host *h, unsigned minor)
{
    forget(h);
    assert(!device_identities(&h->from, makedev(9, minor), h->names,
                              IDENTITIES_MAX, &h->n));
}

static bool has(const struct host *h, const char *name)
{
    size_t i;

    for (i = 0; i < h->n; i++)
        if (!strcmp(h->names[i], name))
            return true;
    return false;
}

static bool same(struct host *a, unsigned x, struct host *b, unsigned y)
{
    bool found = false;
    size_t i;

    look(a, x);
    look(b, y);
    for (i = 0; i < a->n; i++)
        found = found || has(b, a->names[i]);
    return found;
}

/* A LUN by one of its paths, and where multipath has put them together; their
 * partitions, by the kernel's and by kpartx. */
static void test_multipath(void)
{
    struct host a = host(), b = host();

    device(&a, 0, "devices/pci/sda");
    put(&a, "sys/devices/pci/sda/device/wwid", NAA "\n");
    device(&a, 1, "devices/pci/sda/sda1");
    put(&a, "sys/devices/pci/sda/sda1/partition", "1\n");
    device(&a, 2, "devices/pci/sda/sda2");
    put(&a, "sys/devices/pci/sda/sda2/partition", "2\n");

    put(&b, "sys/devices/pci/sdx/device/wwid", NAA "\n");
    device(&b, 0, "devices/virtual/dm-0");
    put(&b, "sys/devices/virtual/dm-0/dm/uuid", MPATH "\n");
    lies_on(&b, "devices/virtual/dm-0", "devices/pci/sdx");
    device(&b, 1, "devices/virtual/dm-1");
    put(&b, "sys/devices/virtual/dm-1/dm/uuid", "part1-" MPATH "\n");
    lies_on(&b, "devices/virtual/dm-1", "devices/virtual/dm-0");

    assert(same(&a, 0, &b, 0) && a.n == 1 && b.n == 1);
    assert(same(&a, 1, &b, 1) && a.n == 1 && b.n == 1);
    assert(has(&a, "wwid:" NAA ":part1"));
    /* another part of it, or all of it */
    assert(!same(&a, 2, &b, 1) && a.n == 1);
    assert(!same(&a, 0, &b, 1) && !same(&a, 1, &b, 0));
    /* the map's name is enough, and so is what it lies on */
    put(&b, "sys/devices/pci/sdx/device/wwid", "");
    assert(same(&a, 0, &b, 0) && same(&a, 1, &b, 1));
    put(&b, "sys/devices/pci/sdx/device/wwid", NAA "\n");
    put(&b, "sys/devices/virtual/dm-0/dm/uuid", "mpath-another\n");
    assert(same(&a, 0, &b, 0) && same(&a, 1, &b, 1));
    end(&a);
    end(&b);
}

/* Identifiers that others may have as well. */
static void test_not_unique(void)
{
    static const char *const texts[] = {
        "t10.ATA     QEMU HARDDISK                           QM00001\n",
        "t10.IET     00010001\n", "naa.0000000000000000\n",
        "nvme.1b36-6465616462656566-51454d55-00000001\n",
        "eui.0000000000000000\n",
        "uuid.00000000-0000-0000-0000-000000000000\n", "\n",
    };
    struct host a = host();
    size_t i;

    device(&a, 0, "devices/pci/sda");
    put(&a, "sys/devices/pci/sda/serial", "QM00001\n");
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put(&a, "sys/devices/pci/sda/device/wwid", texts[i]);
        put(&a, "sys/devices/pci/sda/wwid", texts[i]);
        look(&a, 0);
        assert(a.n == 0);
    }
    put(&a, "sys/devices/pci/sda/wwid", "EUI.0025385B71B00F11\n");
    look(&a, 0);
    assert(a.n == 1 && has(&a, "wwid:eui.0025385b71b00f11"));
    /* there is no such device */
    look(&a, 7);
    assert(a.n == 0);
    end(&a);
}

static const char *mapping(struct host *h, const char *uuid)
{
    put(h, "sys/devices/virtual/dm-0/dm/uuid", uuid);
    look(h, 0);
    return h->n == 0 ? "" : h->names[0];
}

static void test_mappings(void)
{
    struct host a = host();

    device(&a, 0, "devices/virtual/dm-0");
    assert(!strcmp(mapping(&a, "LVM-aaaaBBBB\n"), "dm:LVM-aaaaBBBB"));
    /* the last part is the host's own */
    assert(!strcmp(mapping(&a, "CRYPT-LUKS2-0123456789abcdef0123456789abcdef"
                               "-guest1\n"),
                   "dm:CRYPT-LUKS2-0123456789abcdef0123456789abcdef"));
    assert(!strcmp(mapping(&a, "CRYPT-PLAIN-guest1\n"), ""));
    assert(!strcmp(mapping(&a, "CRYPT-TEMP-guest1\n"), ""));
    /* a LV on a LUN that both have is not that LUN */
    put(&a, "sys/devices/pci/sda/device/wwid", NAA "\n");
    lies_on(&a, "devices/virtual/dm-0", "devices/pci/sda");
    mapping(&a, "LVM-aaaaBBBB\n");
    assert(a.n == 1);
    end(&a);
}

static void test_array(void)
{
    struct host a = host();

    device(&a, 0, "devices/virtual/md0");
    put(&a, "sys/devices/virtual/md0/md/uuid",
        "12345678-1234-1234-1234-123456789012\n");
    look(&a, 0);
    assert(a.n == 1 && has(&a, "md:12345678-1234-1234-1234-123456789012"));
    end(&a);
}

static void map_image(struct host *h, unsigned number, const char *fsid,
                      const char *id)
{
    char name[100], place[60];

    snprintf(place, sizeof(place), "devices/rbd/block/rbd%u", number);
    device(h, number, place);
    snprintf(name, sizeof(name), "sys/%s/size", place);
    put(h, name, "1\n");
    snprintf(name, sizeof(name), "sys/bus/rbd/devices/%u/cluster_fsid",
             number);
    put(h, name, fsid);
    snprintf(name, sizeof(name), "sys/bus/rbd/devices/%u/image_id", number);
    put(h, name, id);
    snprintf(name, sizeof(name), "sys/bus/rbd/devices/%u/pool_id", number);
    put(h, name, "3\n");
    snprintf(name, sizeof(name), "sys/bus/rbd/devices/%u/current_snap",
             number);
    put(h, name, "-\n");
}

static void test_rbd(void)
{
    struct host a = host(), b = host();

    map_image(&a, 0, "cluster-1\n", "1f2e\n");
    map_image(&b, 3, "cluster-1\n", "1f2e\n");
    map_image(&b, 4, "cluster-1\n", "1f2f\n");
    map_image(&b, 5, "cluster-2\n", "1f2e\n");
    assert(same(&a, 0, &b, 3) && has(&a, "rbd:cluster-1/3//1f2e@-"));
    assert(!same(&a, 0, &b, 4) && b.n == 1);
    assert(!same(&a, 0, &b, 5) && b.n == 1);
    end(&a);
    end(&b);
}

#define WORDS(h, text) put_bytes(h, "proc/77/cmdline", text, sizeof(text))

static void test_nbd(void)
{
    struct host a = host(), b = host();

    device(&a, 0, "devices/virtual/nbd0");
    put(&a, "sys/devices/virtual/nbd0/pid", "77\n");
    device(&b, 1, "devices/virtual/nbd1");
    put(&b, "sys/devices/virtual/nbd1/pid", "77\n");
    WORDS(&a, "/usr/sbin/nbd-client\0-N\0vm1\0store\0/dev/nbd0\0-persist");
    WORDS(&b, "nbd-client\0store\0""10809\0/dev/nbd1\0-b\0""512\0-name\0vm1");
    assert(same(&a, 0, &b, 1) && has(&a, "nbd:store:10809/vm1"));
    WORDS(&b, "nbd-client\0store\0""10809\0/dev/nbd1\0-name\0vm2");
    assert(!same(&a, 0, &b, 1) && b.n == 1);
    /* every host's own, and another process of that number */
    WORDS(&b, "nbd-client\0localhost\0/dev/nbd1\0-N\0vm1");
    look(&b, 1);
    assert(b.n == 0);
    WORDS(&b, "nbd-client\0-unix\0/run/s\0/dev/nbd1\0-N\0vm1");
    look(&b, 1);
    assert(b.n == 0);
    WORDS(&b, "sleep\0store\0/dev/nbd1");
    look(&b, 1);
    assert(b.n == 0);
    WORDS(&b, "nbd-client\0store\0/dev/nbd2");
    look(&b, 1);
    assert(b.n == 0);
    end(&a);
    end(&b);
}

/* As drbdsetup 9 shows it; HERE and THERE are addresses. */
#define DRBD_9(here, there) \
    "resource \"r0\" {\n    options {\n        quorum majority;\n    }\n" \
    "    _this_host {\n        node-id 0;\n" \
    "        volume 0 {\n            device minor 4;\n" \
    "            disk \"/dev/vg/minor\";\n        }\n" \
    "        volume 1 {\n            device minor 5;\n        }\n    }\n" \
    "    connection {\n        _peer_node_id 1;\n        path {\n" \
    "            _this_host ipv4 " here ";\n" \
    "            _remote_host ipv4 " there ";\n        }\n" \
    "        net {\n            allow-two-primaries yes;\n" \
    "            _name \"b\";\n        }\n    }\n}\n"
/* As 8.4 does. */
#define DRBD_84(here, there) \
    "resource r0 {\n    options {\n    }\n    net {\n" \
    "        allow-two-primaries yes;\n    }\n    _remote_host {\n" \
    "        address ipv4 " there ";\n    }\n    _this_host {\n" \
    "        address ipv4 " here ";\n        volume 0 {\n" \
    "            device minor 4;\n        }\n        volume 1 {\n" \
    "            device minor 5;\n        }\n    }\n}\n"

/* The program that says text, if it is called as it should be. */
static void drbd_says(struct host *h, const char *text)
{
    char *script;

    put(h, "shown", text);
    assert(asprintf(&script, "#!/bin/sh\n[ \"$*\" = show ] && cat '%s/shown'\n",
                    h->directory) > 0);
    put(h, "drbdsetup", script);
    free(script);
    if (!h->drbdsetup)
        h->drbdsetup = path_in(h->directory, "drbdsetup");
    assert(!chmod(h->drbdsetup, 0755));
    h->from.drbdsetup = h->drbdsetup;
}

static void make_drbd(struct host *h)
{
    device(h, 4, "devices/virtual/drbd4");
    put(h, "sys/devices/virtual/drbd4/dev", "147:4\n");
    device(h, 5, "devices/virtual/drbd5");
    put(h, "sys/devices/virtual/drbd5/dev", "147:5\n");
}

static void test_drbd(void)
{
    struct host a = host(), b = host();

    make_drbd(&a);
    make_drbd(&b);
    drbd_says(&a, DRBD_9("10.0.0.1:7000", "10.0.0.2:7000"));
    drbd_says(&b, DRBD_9("10.0.0.2:7000", "10.0.0.1:7000"));
    assert(same(&a, 4, &b, 4) && a.n == 1);
    assert(has(&a, "drbd:r0/0:10.0.0.1:7000-10.0.0.2:7000"));
    assert(same(&a, 5, &b, 5) && !same(&a, 4, &b, 5) && b.n == 1);
    /* a resource of the same name, of another pair of hosts */
    drbd_says(&b, DRBD_9("10.0.0.4:7000", "10.0.0.3:7000"));
    assert(!same(&a, 4, &b, 4) && b.n == 1);
    drbd_says(&a, DRBD_84("10.0.0.1:7000", "10.0.0.2:7000"));
    drbd_says(&b, DRBD_84("10.0.0.2:7000", "10.0.0.1:7000"));
    assert(same(&a, 4, &b, 4) && same(&a, 5, &b, 5));
    assert(has(&a, "drbd:r0/1:10.0.0.1:7000-10.0.0.2:7000"));
    /* beside another one */
    drbd_says(&b, "resource \"r9\" { _this_host { volume 0 { device minor 4; "
              "} } connection { path { _this_host ipv4 10.0.0.1:1; "
              "_remote_host ipv4 10.0.0.2:1; } } }\n"
              DRBD_9("10.0.0.2:7000", "10.0.0.1:7000"));
    assert(same(&a, 5, &b, 5));
    /* one that does not work, or says something else */
    drbd_says(&b, "resource");
    look(&b, 4);
    assert(b.n == 0);
    b.from.drbdsetup = "/nonexistent/drbdsetup";
    look(&b, 4);
    assert(b.n == 0);
    end(&a);
    end(&b);
}

/* Both ends on one host. */
static void test_one_host(void)
{
    struct host a = host(), b = host();

    device(&a, 0, "devices/virtual/loop0");
    device(&a, 1, "devices/virtual/loop1");
    device(&b, 0, "devices/virtual/loop0");
    put(&a, "proc/sys/kernel/random/boot_id", "one\n");
    put(&b, "proc/sys/kernel/random/boot_id", "two\n");
    assert(!same(&a, 0, &b, 0) && a.n == 1 && b.n == 1);
    put(&b, "proc/sys/kernel/random/boot_id", "one\n");
    assert(same(&a, 0, &b, 0) && !same(&a, 1, &b, 0));
    end(&a);
    end(&b);
}

int main(void)
{
    RUN(test_multipath);
    RUN(test_not_unique);
    RUN(test_mappings);
    RUN(test_array);
    RUN(test_rbd);
    RUN(test_nbd);
    RUN(test_drbd);
    RUN(test_one_host);
    return 0;
}
