/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a guest can be moved; see judge_guest.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "plugin/base/paths.h"
#include "plugin/image/image.h"
#include "plugin/target/destination_path.h"
#include "plugin/track/tracker.h"
#include "plugin/xl/guestdisk.h"
#include "plugin/xl/judge_guest.h"

/* --- here ----------------------------------------------------------------- */

/* Whether one of its emulated USB devices is one of the host's. */
static bool has_host_usb(const struct guest_needs *n)
{
    json_object *hvm = facts_object(guest_needs_section(n, "b_info"),
                                    "type.hvm");
    json_object *list = facts_array(hvm, "usbdevice_list"), *o;
    const char *device = facts_text(hvm, "usbdevice");
    size_t i;

    if (device && !strncmp(device, "host", 4))
        return true;
    for (i = 0; (o = facts_nth(list, i)); i++)
        if (json_object_is_type(o, json_type_string) &&
            !strncmp(json_object_get_string(o), "host", 4))
            return true;
    return false;
}

static void judge_passthrough(struct diagnosis *f, const char *where,
                              const struct guest_needs *n)
{
    static const struct {
        const char *key, *what;
    } devices[] = {
        { "pcidevs", "PCI devices" }, { "dtdevs", "device tree devices" },
        { "usbdevs", "USB devices" },
    };
    bool any = false;
    size_t i;

    for (i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        if (!facts_nth(facts_array(n->config, devices[i].key), 0))
            continue;
        any = true;
        diagnosis_add(f, FINDING_ERROR, "passthrough", where,
                      "a device of this host cannot go along",
                      "detach it ('xl pci-detach', 'xl usbdev-detach'), or "
                      "shut the guest down and use 'xl-dedup push'",
                      "%s has %s of this host", guest_needs_name(n),
                      devices[i].what);
    }
    if (has_host_usb(n)) {
        any = true;
        diagnosis_add(f, FINDING_ERROR, "passthrough", where,
                      "a device of this host cannot go along",
                      "take it out of the configuration ('usbdevice')",
                      "%s has a USB device of this host",
                      guest_needs_name(n));
    }
    if (!any)
        finding_ok(f, "passthrough", where, "%s has no devices of this host",
                   guest_needs_name(n));
}

/* As a migration would, for a moment. */
static int try_tracing(const char *path, char *why, size_t size)
{
    struct image img = IMAGE_INIT;
    struct tracker *t = NULL;
    int rc = image_open(&img, path);

    if (rc) {
        snprintf(why, size, "%s", strerror(-rc));
        return rc;
    }
    rc = tracker_start(&t, &img, NULL, why, size);
    if (!rc) {
        rc = tracker_canary(t);
        if (rc)
            tracker_why(t, why, size);
    }
    tracker_stop(t);
    image_release(&img);
    return rc;
}

static void judge_disk(struct diagnosis *f, const char *where,
                       const struct domain_disk *o)
{
    struct guest_disk d = {
        .vdev = o->vdev, .path = o->path, .format = o->format,
        .script = o->script, .elsewhere = o->elsewhere,
    };
    char why[512];
    const char *way;

    if (o->cdrom)
        return;
    if (guest_disk_explain(&d, why, sizeof(why), &way))
        diagnosis_add(f, FINDING_ERROR, "disk", where,
                      "the guest cannot be moved with such a disk", way,
                      "disk %s: %s", o->vdev, why);
    else if (try_tracing(o->path, why, sizeof(why)))
        diagnosis_add(f, FINDING_WARNING, "tracing", where,
                      "the disk is compared once more while the guest stands "
                      "still, which takes as long as reading it",
                      "have it served by a loop device or a block device that "
                      "the kernel traces",
                      "disk %s: writes to %s cannot be traced: %s", o->vdev,
                      o->path, why);
    else
        finding_ok(f, "disk", where, "disk %s: %s can be moved, and writes to "
                   "it are traced", o->vdev, o->path);
}

void judge_guest_here(struct diagnosis *f, const char *where,
                      const struct guest_needs *n)
{
    const struct domain *d = &n->here.list[0];
    size_t i;

    judge_passthrough(f, where, n);
    for (i = 0; i < d->n_disks; i++)
        judge_disk(f, where, &d->disks[i]);
}

/* --- files and programs --------------------------------------------------- */

static const char *answer_to(json_object *there, size_t i)
{
    const char *is = facts_text(facts_nth(facts_array(there, "answers"), i),
                                "is");

    return is ? is : "unknown";
}

static void judge_need(struct diagnosis *f, const char *where,
                       const struct need *need, const char *is)
{
    if (!strcmp(is, "unknown"))
        diagnosis_add(f, FINDING_WARNING, "needs", where,
                      "without it the guest cannot start there",
                      "look for it there",
                      "%s, the %s: whether it is there was not told",
                      need->path, need->what);
    else if (strcmp(is, "none"))
        finding_ok(f, "needs", where, "%s, the %s, is there", need->path,
                   need->what);
    else if (!strcmp(need->what, "CD-ROM"))
        diagnosis_add(f, FINDING_ERROR, "needs", where,
                      "a CD-ROM is not moved, and a guest that names one is "
                      "not started without",
                      "eject it ('xl cd-eject'), or copy it there",
                      "%s, the CD-ROM, is not there", need->path);
    else
        diagnosis_add(f, FINDING_ERROR, "needs", where,
                      "the guest cannot start there, at the latest when it "
                      "reboots",
                      "install or copy it there under the same path, or name "
                      "another one in a configuration (-C)",
                      "%s, the %s, is not there", need->path, need->what);
}

static void judge_qemu(struct diagnosis *f, const char *where, bool found)
{
    if (found)
        finding_ok(f, "needs", where, "QEMU, the device model, is there");
    else
        diagnosis_add(f, FINDING_WARNING, "needs", where,
                      "an HVM guest does not run without",
                      "install it there (of Debian: qemu-system-xen)",
                      "QEMU, the device model, was not found in the usual "
                      "places");
}

/* --- places --------------------------------------------------------------- */

static const struct domain_disk *disk_of(const struct guest_needs *n,
                                         const char *vdev)
{
    const struct domain *d = &n->here.list[0];
    size_t i;

    for (i = 0; i < d->n_disks; i++)
        if (!strcmp(d->disks[i].vdev, vdev))
            return &d->disks[i];
    return NULL;
}

/* What the disk takes here; a device all of it, which it has there already. */
static int64_t bytes_of(const struct domain_disk *disk)
{
    struct stat st;

    return disk && !stat(disk->path, &st) && S_ISREG(st.st_mode) ?
        (int64_t)st.st_blocks * 512 : 0;
}

static void judge_place(struct diagnosis *f, const char *where,
                        const struct guest_needs *n, size_t i,
                        json_object *there)
{
    const struct need *need = &n->list[i];
    json_object *answer = facts_nth(facts_array(there, "answers"), i);
    const char *is = answer_to(there, i);
    int64_t free_bytes = INT64_MAX, bytes = bytes_of(disk_of(n, need->what));

    facts_number(answer, "free", &free_bytes);
    if (!strcmp(is, "none") && destination_is_device_name(need->path))
        diagnosis_add(f, FINDING_ERROR, "place", where,
                      "devices are not made by a migration",
                      "create it there with the size of the disk (for LVM: "
                      "lvcreate), or name a file in a configuration (-C)",
                      "disk %s: %s does not exist", need->what, need->path);
    else if (!strcmp(is, "none") && !facts_true(answer, "directory"))
        diagnosis_add(f, FINDING_ERROR, "place", where,
                      "the disk has no place to go to",
                      "make the directory there, or name another one in a "
                      "configuration (-C)",
                      "disk %s: the directory of %s does not exist",
                      need->what, need->path);
    else if (!strcmp(is, "none") && bytes > free_bytes)
        diagnosis_add(f, FINDING_ERROR, "space", where,
                      "the disk would not fit",
                      "free some space there, or name another directory in a "
                      "configuration (-C)",
                      "disk %s: %s takes %" PRId64 " MB, and %" PRId64 " MB "
                      "are free", need->what, need->path, bytes / 1000000,
                      free_bytes / 1000000);
    else
        finding_ok(f, "place", where, "disk %s: there is a place for %s",
                   need->what, need->path);
}

static void judge_needs(struct diagnosis *f, const char *where,
                        const struct guest_needs *n, json_object *there)
{
    bool qemu = false, asked = false;
    size_t i;

    for (i = 0; i < n->n; i++) {
        const char *is = answer_to(there, i);

        if (n->list[i].kind == NEED_PLACE) {
            judge_place(f, where, n, i, there);
        } else if (n->list[i].kind == NEED_QEMU) {
            asked = true;
            qemu = qemu || !strcmp(is, "file");
        } else {
            judge_need(f, where, &n->list[i], is);
        }
    }
    if (asked)
        judge_qemu(f, where, qemu);
}

/* --- the other host ------------------------------------------------------- */

static bool is_in(json_object *list, const char *text)
{
    json_object *o;
    size_t i;

    for (i = 0; (o = facts_nth(list, i)); i++)
        if (json_object_is_type(o, json_type_string) &&
            !strcmp(json_object_get_string(o), text))
            return true;
    return false;
}

/* libxl names a bridge also where the script knows of none.  Of Open vSwitch
 * the name may be followed by VLANs: "br0.5", "br0:7,8".  False: nothing is
 * known of what the script needs, or the interface is of another domain. */
static bool bridge_of(json_object *nic, char *bridge, size_t size,
                      bool *certain_r)
{
    const char *script = facts_text(nic, "script");
    const char *name = facts_text(nic, "bridge");
    const char *backend = facts_text(nic, "backend_domname");
    int64_t domid = 0;

    script = script && *script ? path_basename(script) : "vif-bridge";
    facts_number(nic, "backend_domid", &domid);
    if (!name || !*name || domid || !strcmp(script, "vif-route") ||
        !strcmp(script, "vif-nat") || (backend && *backend &&
        strcmp(backend, "0") && strcmp(backend, "Domain-0")))
        return false;
    snprintf(bridge, size, "%s", name);
    if (!strcmp(script, "vif-openvswitch"))
        bridge[strcspn(bridge, ".:")] = '\0';
    *certain_r = !strcmp(script, "vif-openvswitch") ||
        !strcmp(script, "vif-bridge");
    return true;
}

static void judge_bridges(struct diagnosis *f, const char *where,
                          const struct guest_needs *n, json_object *there)
{
    json_object *interfaces = facts_array(there, "interfaces"), *o;
    json_object *list = facts_array(n->config, "nics");
    char bridge[256];
    bool certain;
    size_t i;

    for (i = 0; (o = facts_nth(list, i)); i++) {
        if (!bridge_of(o, bridge, sizeof(bridge), &certain))
            continue;
        if (is_in(interfaces, bridge))
            finding_ok(f, "bridge", where, "the bridge %s is there", bridge);
        else
            diagnosis_add(f, certain ? FINDING_ERROR : FINDING_WARNING,
                          "bridge", where,
                          "the guest's network interface cannot be attached, "
                          "and the guest not be started",
                          "make a bridge of that name there, or name another "
                          "one in a configuration (-C)",
                          "the bridge %s is not there", bridge);
    }
}

static void judge_names(struct diagnosis *f, const char *where,
                        const struct guest_needs *n, json_object *there)
{
    json_object *list = facts_array(there, "domains"), *o;
    const char *uuid = n->here.list[0].uuid, *name = guest_needs_name(n);
    const char *other, *its;
    bool any = false;
    size_t i;

    for (i = 0; (o = facts_nth(list, i)); i++) {
        other = facts_text(o, "name");
        if (other && !strcmp(other, name)) {
            any = true;
            diagnosis_add(f, FINDING_ERROR, "name", where,
                          "two domains of a host cannot have the same name",
                          "shut that one down or rename it ('xl rename')",
                          "there is a domain %s already", name);
        }
        its = facts_text(o, "uuid");
        if (its && !strcasecmp(its, uuid)) {
            any = true;
            diagnosis_add(f, FINDING_ERROR, "uuid", where,
                          "it is the same guest, or a copy of it: if both run "
                          "they may ruin what they share",
                          "look which one is right, and shut the other one "
                          "down",
                          "there is a domain with the UUID of %s, %s", name,
                          other ? other : "without a name");
        }
    }
    if (!list)
        diagnosis_add(f, FINDING_WARNING, "name", where,
                      "a guest of the same name would stand in the way",
                      "'xl list' is to work there",
                      "xl does not tell which domains there are");
    else if (!any)
        finding_ok(f, "name", where, "no domain has the name or the UUID of "
                   "%s", name);
}

#define KB_MAX (INT64_C(1) << 40)

/* libxl writes "the default" as the largest number that there is. */
static int64_t kb_of(json_object *build, const char *key)
{
    int64_t kb = 0;

    facts_number(build, key, &kb);
    return kb > 0 && kb < KB_MAX ? kb : 0;
}

static int64_t mib_of(const struct guest_needs *n)
{
    json_object *build = guest_needs_section(n, "b_info");
    /* What a balloon has taken is not given there. */
    int64_t memory = kb_of(build, "target_memkb");

    if (!memory)
        memory = kb_of(build, "max_memkb");
    return memory ? (memory + kb_of(build, "video_memkb") +
                     kb_of(build, "shadow_memkb") + 1023) / 1024 : 0;
}

static void judge_memory(struct diagnosis *f, const char *where,
                         const struct guest_needs *n, json_object *there)
{
    json_object *xen = facts_object(there, "xen");
    const char *text = facts_text(xen, "free_memory");
    const char *line = facts_text(xen, "xen_commandline");
    int64_t needed = mib_of(n), have = text ? strtoll(text, NULL, 10) : 0;
    bool fixed = line && strstr(line, "dom0_mem=");

    if (!text || !needed)
        return;
    if (needed <= have)
        finding_ok(f, "memory", where, "%" PRId64 " MiB are free, %s has %"
                   PRId64, have, guest_needs_name(n), needed);
    else
        diagnosis_add(f, fixed ? FINDING_ERROR : FINDING_WARNING, "memory",
                      where, fixed ? "the guest's memory would not fit" :
                      "the guest's memory fits only if dom0 gives some of its "
                      "own away",
                      "shut guests down there, or give them less ('xl "
                      "mem-set')",
                      "%" PRId64 " MiB are free, and %s has %" PRId64, have,
                      guest_needs_name(n), needed);
}

/* Xen tells for which kinds of guests it was built, and the hardware is
 * made. */
static void judge_type(struct diagnosis *f, const char *where,
                       const struct guest_needs *n, json_object *there)
{
    const char *type = facts_text(guest_needs_section(n, "c_info"), "type");
    const char *caps = facts_text(facts_object(there, "xen"), "xen_caps");

    if (!type || !caps)
        return;
    if (strstr(caps, strcmp(type, "pv") ? "hvm-" : "xen-"))
        finding_ok(f, "type", where, "Xen runs %s guests there", type);
    else
        diagnosis_add(f, FINDING_ERROR, "type", where,
                      "the guest cannot be started there",
                      strcmp(type, "pv") ? "turn virtualisation (VT-x, AMD-V) "
                      "on in that host's firmware" :
                      "use a Xen that was built with CONFIG_PV",
                      "Xen there runs no %s guests: it says '%s'", type, caps);
}

void judge_guest_there(struct diagnosis *f, const char *where,
                       const struct guest_needs *n, json_object *there)
{
    judge_names(f, where, n, there);
    judge_type(f, where, n, there);
    judge_memory(f, where, n, there);
    judge_bridges(f, where, n, there);
    judge_needs(f, where, n, there);
}
