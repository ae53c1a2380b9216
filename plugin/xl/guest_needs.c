/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest needs; see guest_needs.h. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/json_text.h"
#include "plugin/base/log.h"
#include "plugin/xl/facts_host.h"
#include "plugin/xl/facts_xl.h"
#include "plugin/xl/guest_needs.h"
#include "plugin/xl/program.h"

#define SCRIPTS "/etc/xen/scripts/"     /* where libxl looks for them */

/* --- asking --------------------------------------------------------------- */

static int add(struct guest_needs *n, enum need_kind kind, const char *what,
               const char *directory, const char *path)
{
    struct need *longer = realloc(n->list, (n->n + 1) * sizeof(*longer));
    json_object *question = json_object_new_object();
    bool failed = false;
    char *whole;

    if (longer)
        n->list = longer;
    if (!longer || asprintf(&whole, "%s%s", directory, path) < 0) {
        json_object_put(question);
        return -ENOMEM;
    }
    longer[n->n++] = (struct need){ kind, what, whole };
    facts_put_text(question, "kind", kind == NEED_FILE ? FACTS_FILE :
                   kind == NEED_PLACE ? FACTS_PLACE : FACTS_PROGRAM, &failed);
    facts_put_text(question, "path", whole, &failed);
    facts_append(n->questions, question, &failed);
    return failed ? -ENOMEM : 0;
}

static const struct {
    const char *key;
    enum need_kind kind;
    const char *what;
} keys[] = {
    { "kernel", NEED_FILE, "kernel" },
    { "ramdisk", NEED_FILE, "ramdisk" },
    { "device_tree", NEED_FILE, "device tree" },
    { "firmware", NEED_FILE, "firmware" },
    { "system_firmware", NEED_FILE, "firmware" },
    { "smbios_firmware", NEED_FILE, "SMBIOS table" },
    { "acpi_firmware", NEED_FILE, "ACPI table" },
    { "bootloader", NEED_PROGRAM, "boot loader" },
    { "device_model", NEED_PROGRAM, "device model" },
};

/* Of one object of the configuration. */
static int add_keys(struct guest_needs *n, json_object *o)
{
    const char *path;
    size_t i;
    int rc = 0;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]) && !rc; i++) {
        path = facts_text(o, keys[i].key);
        /* What is relative libxl looks for in directories of its own. */
        if (path && *path && (*path == '/' || keys[i].kind == NEED_PROGRAM))
            rc = add(n, keys[i].kind, keys[i].what, "", path);
    }
    return rc;
}

/* QEMU serves every HVM guest; where it is depends on who built Xen. */
static int add_qemu(struct guest_needs *n, json_object *build)
{
    const char *type = facts_text(guest_needs_section(n, "c_info"), "type");
    int rc;

    if (!type || strcmp(type, "hvm") || facts_text(build, "device_model"))
        return 0;
    rc = add(n, NEED_QEMU, "device model", "", "qemu-system-i386");
    return rc ? rc : add(n, NEED_QEMU, "device model", "",
                         "xen-qemu-system-i386");
}

static int add_build(struct guest_needs *n)
{
    json_object *build = guest_needs_section(n, "b_info");
    int rc = add_keys(n, build);

    if (!build || rc)
        return rc;
    json_object_object_foreach(build, key, value) {
        if (!rc && !strncmp(key, "type.", 5))
            rc = add_keys(n, value);
    }
    return rc ? rc : add_qemu(n, build);
}

static int add_networks(struct guest_needs *n)
{
    json_object *list = facts_array(n->config, "nics"), *o;
    const char *script;
    size_t i;
    int rc = 0;

    for (i = 0; !rc && (o = facts_nth(list, i)); i++) {
        script = facts_text(o, "script");
        if (script && *script)
            rc = add(n, NEED_FILE, "network script",
                     *script == '/' ? "" : SCRIPTS, script);
    }
    list = facts_array(n->config, "p9s");
    for (i = 0; !rc && (o = facts_nth(list, i)); i++)
        if (facts_text(o, "path"))
            rc = add(n, NEED_FILE, "shared directory", "",
                     facts_text(o, "path"));
    return rc;
}

static int add_disks(struct guest_needs *n)
{
    json_object *list = facts_array(n->config, "disks"), *o;
    const char *path, *vdev;
    int64_t cdrom;
    size_t i;
    int rc = 0;

    for (i = 0; !rc && (o = facts_nth(list, i)); i++) {
        path = facts_text(o, "pdev_path");
        vdev = facts_text(o, "vdev");
        cdrom = 0;
        facts_number(o, "is_cdrom", &cdrom);
        if (!path || *path != '/')
            continue;
        if (cdrom)
            rc = add(n, NEED_FILE, "CD-ROM", "", path);
        else
            rc = add(n, NEED_PLACE, vdev ? vdev : "", "", path);
    }
    return rc;
}

/* --- xl ------------------------------------------------------------------- */

static int ask_xl(const char *const *argv, json_object **o_r, char *why,
                  size_t size)
{
    struct program p = PROGRAM_INIT;
    int rc = program_run(&p, argv, FACTS_XL_SECONDS);

    *o_r = NULL;
    if (!rc && json_text_read((const char *)p.out.data, o_r) == -ENOMEM)
        rc = -ENOMEM;
    if (rc == -ESRCH)
        facts_words_of(&p, why, size);
    else if (rc == -ETIMEDOUT)
        explain(why, size, rc, "xl did not end for %u seconds",
                FACTS_XL_SECONDS);
    else if (rc)
        explain(why, size, rc, "%s", strerror(-rc));
    else if (!*o_r)
        rc = explain(why, size, -EPROTO, "xl printed something else than "
                     "JSON");
    program_release(&p);
    return rc;
}

static int ask(struct guest_needs *n, const char *domain, const char *config,
               char *why, size_t size)
{
    const char *const list[] = { domains_xl(), "list", "-l", "--", domain,
                                 NULL };
    const char *const create[] = { domains_xl(), "create", "-q", "-n", "-f",
                                   config, NULL };
    json_object *o;
    int rc = ask_xl(list, &n->all, why, size);

    if (!rc && domains_take(&n->here, n->all))
        rc = explain(why, size, -ENOMEM, "no memory");
    if (!rc && (n->here.n != 1 || !n->here.list[0].uuid))
        rc = explain(why, size, -ENOENT, "xl does not know it");
    if (!rc && config)
        rc = ask_xl(create, &n->read, why, size);
    if (rc)
        return rc;
    o = config ? n->read : json_object_is_type(n->all, json_type_array) ?
        facts_nth(n->all, 0) : n->all;
    n->config = facts_object(o, "config");
    if (!n->config)
        n->config = o;
    return 0;
}

int guest_needs_read(struct guest_needs *n, const char *domain,
                     const char *config, char *why, size_t size)
{
    int rc;

    *n = (struct guest_needs){ .n = 0 };
    rc = ask(n, domain, config, why, size);
    if (rc)
        return rc;
    n->questions = json_object_new_array();
    rc = n->questions ? add_build(n) : -ENOMEM;
    if (!rc)
        rc = add_networks(n);
    if (!rc)
        rc = add_disks(n);
    return rc ? explain(why, size, rc, "%s", strerror(-rc)) : 0;
}

void guest_needs_release(struct guest_needs *n)
{
    while (n->n > 0)
        free(n->list[--n->n].path);
    free(n->list);
    json_object_put(n->questions);
    json_object_put(n->read);
    json_object_put(n->all);
    domains_release(&n->here);
    *n = (struct guest_needs){ .n = 0 };
}

const char *guest_needs_name(const struct guest_needs *n)
{
    const char *name = facts_text(guest_needs_section(n, "c_info"), "name");

    return name ? name : "the guest";
}

json_object *guest_needs_section(const struct guest_needs *n,
                                 const char *section)
{
    return facts_object(n->config, section);
}
