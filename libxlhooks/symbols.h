/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every function of libxenlight, libxentoollog and libxenstore that the hooks
 * call, once.
 *
 * Define SYMBOL(name) and include this file; it undefines SYMBOL again.  The
 * hooks look all of them up at run time and never link against the libraries,
 * because the preloaded object also passes through processes that have no
 * libxenlight (the shell that Debian's /usr/sbin/xl is), and an unresolved
 * symbol would kill such a process if it binds at start.
 *
 * None of these names may be one of libxl.h's compatibility macros;
 * libxl_calls.h makes sure of it.
 */

/* hooked: what our own functions of these names call */
SYMBOL(libxl_domain_suspend)
SYMBOL(libxl_domain_create_restore)

/* describing a domain and its disks */
SYMBOL(libxl_domain_config_init)
SYMBOL(libxl_domain_config_dispose)
SYMBOL(libxl_retrieve_domain_configuration)
SYMBOL(libxl_device_disk_list)
SYMBOL(libxl_device_disk_list_free)
SYMBOL(libxl_disk_format_to_string)
SYMBOL(libxl_disk_backend_to_string)
SYMBOL(libxl_domain_qualifier_to_domid)

/* its disks as they are attached; the first of these libraries needs the
 * third, so that a process which has the one has the other */
SYMBOL(libxl_device_disk_getinfo)
SYMBOL(libxl_diskinfo_init)
SYMBOL(libxl_diskinfo_dispose)
SYMBOL(xs_open)
SYMBOL(xs_read)
SYMBOL(xs_close)

/* the other domains of this host */
SYMBOL(libxl_is_stubdom)
SYMBOL(libxl_list_domain)
SYMBOL(libxl_dominfo_list_free)
SYMBOL(libxl_domid_to_name)

/* watching for the moment of suspension */
SYMBOL(libxl_ctx_alloc)
SYMBOL(libxl_ctx_free)
SYMBOL(libxl_childproc_setmode)
SYMBOL(libxl_dominfo_init)
SYMBOL(libxl_dominfo_dispose)
SYMBOL(libxl_domain_info)
SYMBOL(xtl_createlogger_stdiostream)
SYMBOL(xtl_logger_destroy)

#undef SYMBOL
