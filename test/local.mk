check_PROGRAMS += fsparse-dump
fsparse_dump_SOURCES = %D%/fsparse-dump.c
fsparse_dump_CPPFLAGS = $(AM_CPPFLAGS) $(SODIUM_CFLAGS)
fsparse_dump_LDADD = libfsparse.la $(SODIUM_LIBS)

FSPARSE_TESTS = \
	%D%/test-fsparse-claims.sh \
	%D%/test-fsparse-damaged.sh \
	%D%/test-fsparse-ext.sh \
	%D%/test-fsparse-hostile.sh \
	%D%/test-fsparse-ntfs.sh \
	%D%/test-fsparse-partitions.sh
TESTS += $(FSPARSE_TESTS)
EXTRA_DIST += %D%/functions.sh $(FSPARSE_TESTS)

check_PROGRAMS += test/test-manifest
test_test_manifest_SOURCES = %D%/test-manifest.c plugin/manifest.c \
	plugin/hashpool.c plugin/parallel.c plugin/text.c \
	plugin/image.c plugin/log.c
test_test_manifest_CPPFLAGS = $(AM_CPPFLAGS) $(SODIUM_CFLAGS) $(XTL_CFLAGS)
test_test_manifest_LDADD = $(SODIUM_LIBS) $(XTL_LIBS)
TESTS += test/test-manifest

IMAGE_TESTS = %D%/test-scan.sh %D%/test-compare.sh %D%/test-verify.sh \
	%D%/test-block-device.sh
TESTS += $(IMAGE_TESTS)
EXTRA_DIST += $(IMAGE_TESTS)
