# The module that the front preloads into xl.  Nothing of libxl is linked in:
# all its functions are looked up at run time (symbols.h).
pkglib_LTLIBRARIES += libxlhooks.la
libxlhooks_la_SOURCES = \
	%D%/as_json.c %D%/as_json.h \
	%D%/attached.c %D%/attached.h \
	%D%/disks.c %D%/disks.h \
	%D%/helper.c %D%/helper.h \
	%D%/hooks.c \
	%D%/hotplug.c %D%/hotplug.h \
	%D%/interrupt.c %D%/interrupt.h \
	%D%/libxl_calls.c %D%/libxl_calls.h \
	%D%/restore.c %D%/restore.h \
	%D%/suspend.c %D%/suspend.h \
	%D%/symbols.h \
	%D%/vbds.c %D%/vbds.h \
	%D%/watcher.c %D%/watcher.h \
	plugin/base/escape.c plugin/base/escape.h \
	plugin/xl/control.c \
	plugin/xl/control.h
libxlhooks_la_CPPFLAGS = $(AM_CPPFLAGS) $(XENLIGHT_CFLAGS) $(XENSTORE_CFLAGS)
libxlhooks_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-Wl,--version-script=$(top_srcdir)/libxlhooks/libxlhooks.map
libxlhooks_la_LIBADD = $(JSON_LIBS)
libxlhooks_la_DEPENDENCIES = $(top_srcdir)/libxlhooks/libxlhooks.map
EXTRA_DIST += %D%/libxlhooks.map

# The front.  It lies among our own programs, where xl-dedup migrate and packages
# find it; our "xl", found before the distribution's, is a link to it.
pkglibexec_PROGRAMS += xl
xl_SOURCES = \
	%D%/front.c \
	%D%/helper.h \
	%D%/options.c \
	%D%/options.h \
	%D%/rune.c \
	%D%/rune.h \
	%D%/start.c \
	%D%/start.h \
	plugin/base/escape.c plugin/base/escape.h \
	plugin/base/hostname.h
xl_LDADD =

install-exec-hook:
	$(MKDIR_P) '$(DESTDIR)$(sbindir)'
	cd '$(DESTDIR)$(sbindir)' && rm -f xl && \
	$(LN_S) '$(pkglibexecdir)/xl' xl

uninstall-hook:
	rm -f '$(DESTDIR)$(sbindir)/xl' \
		'$(DESTDIR)$(completionsdir)/xl-dedup' \
		'$(DESTDIR)$(startdir)/xl-dedup'

# What the module runs instead of the hotplug script of a disk.
pkglibexec_PROGRAMS += xl-dedup-attach
xl_dedup_attach_SOURCES = \
	%D%/attach.c \
	%D%/blockscript.c \
	%D%/blockscript.h
xl_dedup_attach_CPPFLAGS = $(AM_CPPFLAGS) $(XENSTORE_CFLAGS)
xl_dedup_attach_LDADD = libplugin.la $(SODIUM_LIBS) $(XENSTORE_LIBS)
