# The digest of content, from a library or from its source.  That is not ours to
# check: neither warnings nor sanitizers.
if BUILD_BLAKE3
BLAKE3_LDADD = libblake3.a
CLEANFILES += libblake3.a
libblake3.a: Makefile
	$(AM_V_GEN)rm -rf $@ blake3-objects && mkdir blake3-objects && \
	for part in blake3.c blake3_dispatch.c blake3_portable.c \
	    $(BLAKE3_PARTS); do \
	    $(CC) $(CFLAGS) $(XD_HARDENING_CFLAGS) -w -fPIC \
	        $(BLAKE3_DEFINES) -c \
	        -o blake3-objects/$$part.o $(BLAKE3_SOURCE)/$$part || exit 1; \
	done && $(AR) cr $@ blake3-objects/*.o && rm -r blake3-objects
else
BLAKE3_LDADD = $(BLAKE3_LIBS)
endif

# All but main(), for the program and for the tests, which then link what they
# test and what that needs.  Hidden, since nothing of it is exported from
# anywhere: so functions of one file may be inlined although libtool compiles
# with -fPIC.
noinst_LTLIBRARIES += libplugin.la
libplugin_la_SOURCES = %D%/proto.c %D%/proto.h
include %D%/base/local.mk
include %D%/image/local.mk
include %D%/wire/local.mk
include %D%/match/local.mk
include %D%/content/local.mk
include %D%/track/local.mk
include %D%/memory/local.mk
include %D%/index/local.mk
include %D%/state/local.mk
include %D%/source/local.mk
include %D%/target/local.mk
include %D%/xl/local.mk
include %D%/cmd/local.mk
libplugin_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden

# What all programs link that do not say otherwise.
LDADD = libplugin.la libfsparse.la $(SODIUM_LIBS) $(ZSTD_LIBS) \
	$(JSON_LIBS) $(LMDB_LIBS) $(SECCOMP_LIBS) $(XTL_LIBS) $(BLAKE3_LDADD)

sbin_PROGRAMS += xl-dedup
xl_dedup_SOURCES = %D%/cmd/main.c
