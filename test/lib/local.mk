EXTRA_DIST += \
	%D%/every-frame.py \
	%D%/fake-helper.py \
	%D%/fake-xenstored.py \
	%D%/fake-xl.py \
	%D%/fdio.py \
	%D%/functions.sh \
	%D%/hostile-source.py \
	%D%/hostile-target.py \
	%D%/hostile.py \
	%D%/proving-source.py \
	%D%/proving.sh \
	%D%/wire-decode.py \
	%D%/wire.py

# Impersonators of libxenlight, and of an xl for each.  The hooks look at the
# name that the library has, which libtool would not give to it.  Those of
# other releases than 4.17: one whose structs are larger and have their members
# elsewhere, one that lacks a function which the hooks look up, and one of
# which nothing is known.  Without -no-install fake-xl would be a shell script.
fake_libxl_sources = %D%/fake-libxl.c %D%/fake-libxl.h
fake_cppflags = $(AM_CPPFLAGS) $(XENLIGHT_CFLAGS) $(XTL_CFLAGS) \
	$(XENSTORE_CFLAGS)
fake_cflags = $(AM_CFLAGS) -fPIC
fake_link = $(CC) $(fake_cflags) $(CFLAGS) $(AM_LDFLAGS) \
	$(LDFLAGS) -shared -Wl,-soname,$(@F) -o $@
fake_xl_sources = %D%/fake-xl.c %D%/fake-libxl.h
fake_ldflags = $(AM_LDFLAGS) -no-install \
	-Wl,-rpath,$(abs_top_builddir)/%D%/fake

check_PROGRAMS += %D%/fake/libxenlight.so.4.17 %D%/fake-xl
%C%_fake_libxenlight_so_4_17_SOURCES = $(fake_libxl_sources)
%C%_fake_libxenlight_so_4_17_CPPFLAGS = $(fake_cppflags)
%C%_fake_libxenlight_so_4_17_CFLAGS = $(fake_cflags)
%C%_fake_libxenlight_so_4_17_LINK = $(fake_link)
%C%_fake_libxenlight_so_4_17_LDADD =
%C%_fake_xl_SOURCES = $(fake_xl_sources)
%C%_fake_xl_CPPFLAGS = $(fake_cppflags)
%C%_fake_xl_LDFLAGS = $(fake_ldflags)
%C%_fake_xl_LDADD = %D%/fake/libxenlight.so.4.17 $(XTL_LIBS)

check_PROGRAMS += %D%/fake/libxenlight.so.4.20 %D%/fake-larger-xl
%C%_fake_libxenlight_so_4_20_SOURCES = $(fake_libxl_sources)
%C%_fake_libxenlight_so_4_20_CPPFLAGS = $(fake_cppflags) -DFAKE_MORE=80
%C%_fake_libxenlight_so_4_20_CFLAGS = $(fake_cflags)
%C%_fake_libxenlight_so_4_20_LINK = $(fake_link)
%C%_fake_libxenlight_so_4_20_LDADD =
%C%_fake_larger_xl_SOURCES = $(fake_xl_sources)
%C%_fake_larger_xl_CPPFLAGS = $(fake_cppflags) -DFAKE_MORE=80
%C%_fake_larger_xl_LDFLAGS = $(fake_ldflags)
%C%_fake_larger_xl_LDADD = %D%/fake/libxenlight.so.4.20 $(XTL_LIBS)

check_PROGRAMS += %D%/fake/libxenlight.so.4.18 %D%/fake-old-xl
%C%_fake_libxenlight_so_4_18_SOURCES = $(fake_libxl_sources)
%C%_fake_libxenlight_so_4_18_CPPFLAGS = $(fake_cppflags) -DFAKE_OLD
%C%_fake_libxenlight_so_4_18_CFLAGS = $(fake_cflags)
%C%_fake_libxenlight_so_4_18_LINK = $(fake_link)
%C%_fake_libxenlight_so_4_18_LDADD =
%C%_fake_old_xl_SOURCES = $(fake_xl_sources)
%C%_fake_old_xl_CPPFLAGS = $(fake_cppflags)
%C%_fake_old_xl_LDFLAGS = $(fake_ldflags)
%C%_fake_old_xl_LDADD = %D%/fake/libxenlight.so.4.18 $(XTL_LIBS)

check_PROGRAMS += %D%/fake/libxenlight.so.4.99 %D%/fake-unknown-xl
%C%_fake_libxenlight_so_4_99_SOURCES = $(fake_libxl_sources)
%C%_fake_libxenlight_so_4_99_CPPFLAGS = $(fake_cppflags)
%C%_fake_libxenlight_so_4_99_CFLAGS = $(fake_cflags)
%C%_fake_libxenlight_so_4_99_LINK = $(fake_link)
%C%_fake_libxenlight_so_4_99_LDADD =
%C%_fake_unknown_xl_SOURCES = $(fake_xl_sources)
%C%_fake_unknown_xl_CPPFLAGS = $(fake_cppflags)
%C%_fake_unknown_xl_LDFLAGS = $(fake_ldflags)
%C%_fake_unknown_xl_LDADD = %D%/fake/libxenlight.so.4.99 $(XTL_LIBS)

# A kernel with Xen's backend.
check_LTLIBRARIES += libfakebackends.la
libfakebackends_la_SOURCES = %D%/fake-backends.c
libfakebackends_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared

# The N-th call of a kind fails, preloaded.
check_LTLIBRARIES += libfailnth.la
libfailnth_la_SOURCES = %D%/failnth.c
libfailnth_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version -shared
