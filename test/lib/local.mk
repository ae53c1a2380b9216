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
	%D%/wire-decode.py \
	%D%/wire.py

# Impersonators of libxenlight and xl.  Without -rpath libtool would build no
# shared object; without -no-install fake-xl would be a shell script.
check_LTLIBRARIES += libfakexenlight.la
libfakexenlight_la_SOURCES = %D%/fake-libxl.c
libfakexenlight_la_CPPFLAGS = $(AM_CPPFLAGS) $(XENLIGHT_CFLAGS) \
	$(XTL_CFLAGS) $(XENSTORE_CFLAGS)
libfakexenlight_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared
check_PROGRAMS += %D%/fake-xl
%C%_fake_xl_SOURCES = %D%/fake-xl.c
%C%_fake_xl_CPPFLAGS = $(AM_CPPFLAGS) $(XENLIGHT_CFLAGS) $(XTL_CFLAGS)
%C%_fake_xl_LDADD = libfakexenlight.la $(XTL_LIBS)
%C%_fake_xl_LDFLAGS = $(AM_LDFLAGS) -no-install

# The same without one of the functions that the hooks look up.
check_LTLIBRARIES += libfakeoldxenlight.la
libfakeoldxenlight_la_SOURCES = %D%/fake-libxl.c
libfakeoldxenlight_la_CPPFLAGS = $(libfakexenlight_la_CPPFLAGS) -DFAKE_OLD
libfakeoldxenlight_la_LDFLAGS = $(libfakexenlight_la_LDFLAGS)
check_PROGRAMS += %D%/fake-old-xl
%C%_fake_old_xl_SOURCES = %D%/fake-xl.c
%C%_fake_old_xl_CPPFLAGS = $(%C%_fake_xl_CPPFLAGS)
%C%_fake_old_xl_LDADD = libfakeoldxenlight.la $(XTL_LIBS)
%C%_fake_old_xl_LDFLAGS = $(%C%_fake_xl_LDFLAGS)

# A kernel with Xen's backend.
check_LTLIBRARIES += libfakebackends.la
libfakebackends_la_SOURCES = %D%/fake-backends.c
libfakebackends_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared

# The N-th call of a kind fails, preloaded.
check_LTLIBRARIES += libfailnth.la
libfailnth_la_SOURCES = %D%/failnth.c
libfailnth_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version -shared
