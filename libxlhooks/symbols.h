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
 * libxl_calls.c makes sure of it.
 */

/* hooked: what our own functions of these names call */
SYMBOL(libxl_domain_suspend)
SYMBOL(libxl_domain_create_restore)

/* describing a domain */
SYMBOL(libxl_domain_config_init)
SYMBOL(libxl_domain_config_dispose)
SYMBOL(libxl_domain_config_to_json)
SYMBOL(libxl_retrieve_domain_configuration)
SYMBOL(libxl_domain_qualifier_to_domid)
SYMBOL(libxl_is_stubdom)
SYMBOL(libxl_domid_to_name)

/* disks as they are attached; libxenlight needs this library, so that a process
 * which has the one has the other */
SYMBOL(xs_open)
SYMBOL(xs_read)
SYMBOL(xs_directory)
SYMBOL(xs_close)

/* watching for the moment of suspension */
SYMBOL(libxl_ctx_alloc)
SYMBOL(libxl_ctx_free)
SYMBOL(libxl_dominfo_init)
SYMBOL(libxl_dominfo_dispose)
SYMBOL(libxl_dominfo_to_json)
SYMBOL(libxl_domain_info)
SYMBOL(xtl_createlogger_stdiostream)
SYMBOL(xtl_logger_destroy)

#undef SYMBOL
