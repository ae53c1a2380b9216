/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of destination_list.c: which paths the configuration permits, and
 * which the standard places do. */
#include "config.h"

#include <sodium.h>
#include <sys/stat.h>

#include "test/unit/unit.h"

#include "plugin/state/record.h"
#include "plugin/target/destination_list.h"

static char *directory;
static char why[4096];
static struct destination_list *list;

/* As the configuration has them; NULL ends them. */
static void places(const char *first, const char *second)
{
    struct configuration conf = { .state_dir = directory };

    destination_list_free(list);
    if (first)
        assert(!configuration_add_destination(&conf, first));
    if (second)
        assert(!configuration_add_destination(&conf, second));
    assert(!destination_list_new(&list, &conf, NULL));
    configuration_forget_destinations(&conf);
}

/* linked: what of it may be links; NULL: the path is not permitted. */
static void path(const char *p, const char *linked)
{
    size_t n = 0;
    int rc = destination_list_find(list, p, &n, why, sizeof(why));

    if (rc != (linked ? 0 : -EACCES) || (linked && n != strlen(linked)))
        fprintf(stderr, "%s: %d, %zu\n", p, rc, n);
    assert(rc == (linked ? 0 : -EACCES));
    if (linked)
        assert(n == strlen(linked) && !strncmp(p, linked, n));
    else
        assert(strstr(why, p) && strstr(why, "'destination = /"));
}

static void directories(void)
{
    places("/srv/xen", "/dev/vg0/");
    path("/srv/xen/a.img", "/srv/xen");
    path("/srv//xen/b/a.img", "/srv//xen");
    path("/dev/vg0/guest", "/dev/vg0");
    path("/srv/xenon/a.img", NULL);
    path("/srv/xe/a.img", NULL);
    path("/srv/a.img", NULL);
    path("/etc/cron.d/evil", NULL);
    path("/", NULL);
    assert(strstr(why, "/xl-dedup.conf"));
    places("/", NULL);
    path("/etc/cron.d/evil", "");
}

static void wildcards(void)
{
    places("/dev/vg[01]/guest-*", "/srv/*/images");
    path("/dev/vg0/guest-a", "/dev/vg0/");
    path("/dev/vg2/guest-a", NULL);
    path("/dev/vg0/swap", NULL);
    path("/srv/a/images/b.img", "/srv/a/images");
    path("/srv/a/b/images/b.img", NULL);
    path("/srv/.hidden/images/b.img", NULL);
    path("/srv/*/b.img", NULL);
    places("/dev/sdb", NULL);
    path("/dev/sdb", "/dev/");
    path("/dev/sdc", NULL);
    assert(strstr(why, "'destination = /dev/sdc'"));
}

/* Where a directory really is may be said as well. */
static void links(void)
{
    char *link = path_in(directory, "link"), *real = path_in(directory, "real");
    char *named = path_in(link, "a"), *resolved = path_in(real, "a");

    assert(!mkdir(real, 0700) && !symlink("real", link));
    places(link, NULL);
    path(named, link);
    path(resolved, real);
    unlink(link);
    rmdir(real);
    free(resolved);
    free(named);
    free(real);
    free(link);
}

static void note(const char *uuid, const char *role, const char *p,
                 const struct image *img)
{
    struct record_key key = { uuid, "xvda", p };

    assert(!record_write(directory, &key, role, img, NULL, NULL));
}

/* What a push has left here, whatever it called itself, opens nothing. */
static void standard_places(void)
{
    static const char domain[] = "01234567-89ab-cdef-0123-456789ABCDEF";
    struct used_path relative = { (char *)"disk.img", NULL, NULL };
    struct used_path whole = { (char *)"/dev/sdx", NULL, &relative };
    struct used_path used = { (char *)"/vm/run/disk", NULL, &whole };
    struct configuration conf = { .state_dir = directory };
    char *file = path_in(directory, "file");
    struct image img = IMAGE_INIT;

    write_file(file, "x", 1);
    assert(!image_open(&img, file));
    note(domain, RECORD_RECEIVED, "/vm/came/disk", &img);
    note(domain, RECORD_LEFT, "/dev/vg0/left", &img);
    note(domain, RECORD_UNFINISHED, "/vm/begun/.disk.xl-dedup", &img);
    note("push:host:/x", RECORD_RECEIVED, "/etc/cron.d/evil", &img);
    note("01234567-89ab-cdef-0123-456789ABCDEFx", RECORD_LEFT, "/etc/a", &img);
    note("", RECORD_RECEIVED, "/etc/b", &img);
    assert(!record_allow(directory, "/vm/allowed", &img));
    image_release(&img);
    destination_list_free(list);
    assert(!destination_list_new(&list, &conf, &used));
    path("/var/lib/xen/images/a.img", "/var/lib/xen/images");
    path("/var/lib/xen/images/b/a.img", "/var/lib/xen/images");
    path("/var/lib/xen/a.img", NULL);
    path("/vm/came/other", "/vm/came");
    path("/vm/came/below/other", NULL);
    path("/vm/came", NULL);
    path("/vm/run/other", "/vm/run");
    path("/vm/allowed", "/vm/");
    path("/vm/other", NULL);
    path("/vm/begun/disk", NULL);
    path("/dev/vg0/other", "/dev/vg0");
    path("/dev/sdx", "/dev/");
    path("/dev/sdy", NULL);
    path("/etc/cron.d/evil", NULL);
    path("/etc/cron.d/other", NULL);
    path("/etc/a", NULL);
    path("/etc/b", NULL);
    /* what is configured is all that there is */
    places("/srv/xen", NULL);
    path("/vm/came/other", NULL);
    path("/vm/allowed", NULL);
    path("/var/lib/xen/images/a.img", NULL);
    unlink(file);
    free(file);
}

static void entries(void)
{
    struct configuration conf = { .n_destinations = 0 };

    assert(configuration_add_destination(&conf, "relative") == -EINVAL);
    assert(configuration_add_destination(&conf, "/srv/../etc") == -EINVAL);
    assert(conf.n_destinations == 0);
}

int main(void)
{
    assert(sodium_init() >= 0);
    directory = make_directory_for_test();
    RUN(entries);
    RUN(directories);
    RUN(wildcards);
    RUN(links);
    RUN(standard_places);
    destination_list_free(list);
    remove_directory(directory);
    return 0;
}
