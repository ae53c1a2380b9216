/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channel between the library preloaded into xl (libxlhooks) and the
 * helper process (xl-dedup send-xl, xl-dedup receive-xl) of the same host.
 *
 * It is a Unix SOCK_SEQPACKET socket pair; one packet is one message: a verb
 * and any number of key=value strings, each terminated by NUL.  Both ends are
 * processes of the same root user from the same build, so there is no
 * version; still, nothing is trusted for its length.
 *
 * Sending host (h: hook, p: helper):
 *   h>p  begin    uuid name domid
 *   h>p  disk     vdev path format backend mode cdrom script backend_domid
 *                 (once per disk; mode is "r" or "w", cdrom "0" or "1",
 *                  format and backend as libxl prints them, script may be
 *                  empty)
 *   h>p  attached vdev path params backend backend_domid device mode cdrom
 *                 pid
 *                 (once per disk that the guest has now, whatever the
 *                  configuration says: params and device are the nodes
 *                  "params" and "physical-device" of its backend, pid is that
 *                  of the device model; they may be empty)
 *   h>p  busy     path domid name vdev device mode
 *                 (a disk of a domain on this host)
 *   h>p  go       busy               ("all" if those were all, else "some")
 *   p>h  list                 bulk copied, receiver ready: what is it now?
 *     or fail                 (reason already logged) guest never disturbed
 *   h>p  attached, busy, go   (as above)
 *   p>h  suspend              nothing has changed: call libxl now
 *     or fail
 *   h>p  stopped              the guest was seen suspended (may be missing)
 *   h>p  attached             (as above, if it was suspended)
 *   h>p  suspended rc         libxl_domain_suspend returned
 *   p>h  done | fail          disks final at the receiver, or not
 *
 * Receiving host:
 *   h>p  begin    uuid name
 *   h>p  disk     (as above, from the received configuration)
 *   h>p  busy     (as above)
 *   h>p  go
 *   p>h  restore | fail       call libxl now, or give up
 *   h>p  restored rc          libxl_domain_create_restore returned
 *
 * End of file stands for "fail" in either direction.
 */
#ifndef PLUGIN_XL_CONTROL_H
#define PLUGIN_XL_CONTROL_H

#include <stddef.h>

#define CONTROL_MAX 32768   /* bytes in a message, all strings together */
#define CONTROL_FD_ENV "XL_DEDUP_CONTROL_FD"

struct control_msg {
    size_t length;
    char data[CONTROL_MAX + 1];
};

/* Sends verb and the key, value pairs that follow, ended by a NULL key.
 * Returns 0, -EMSGSIZE, or what send(2) said (-EPIPE: the peer is gone). */
int control_send(int fd, const char *verb, ...) __attribute__((sentinel));

/* Waits for a message.  Returns 0, -EPIPE at end of file, -EPROTO for
 * something that is not a message, or another negative errno. */
int control_recv(int fd, struct control_msg *msg);

const char *control_verb(const struct control_msg *msg);

/* The value of key, or NULL.  Lives as long as msg. */
const char *control_get(const struct control_msg *msg, const char *key);

#endif
