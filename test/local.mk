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
# Impersonators of libxenlight and xl.  Without -rpath libtool would build no
# shared object; without -no-install fake-xl would be a shell script.
check_LTLIBRARIES += libfakexenlight.la
libfakexenlight_la_SOURCES = %D%/fake-libxl.c
libfakexenlight_la_CPPFLAGS = $(AM_CPPFLAGS) $(XENLIGHT_CFLAGS) $(XTL_CFLAGS)
libfakexenlight_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared
check_PROGRAMS += test/fake-xl
test_fake_xl_SOURCES = %D%/fake-xl.c
test_fake_xl_CPPFLAGS = $(AM_CPPFLAGS) $(XENLIGHT_CFLAGS) $(XTL_CFLAGS)
test_fake_xl_LDADD = libfakexenlight.la $(XTL_LIBS)
test_fake_xl_LDFLAGS = $(AM_LDFLAGS) -no-install

# The same without one of the functions that the hooks look up.
check_LTLIBRARIES += libfakeoldxenlight.la
libfakeoldxenlight_la_SOURCES = %D%/fake-libxl.c
libfakeoldxenlight_la_CPPFLAGS = $(libfakexenlight_la_CPPFLAGS) -DFAKE_OLD
libfakeoldxenlight_la_LDFLAGS = $(libfakexenlight_la_LDFLAGS)
check_PROGRAMS += test/fake-old-xl
test_fake_old_xl_SOURCES = %D%/fake-xl.c
test_fake_old_xl_CPPFLAGS = $(test_fake_xl_CPPFLAGS)
test_fake_old_xl_LDADD = libfakeoldxenlight.la $(XTL_LIBS)
test_fake_old_xl_LDFLAGS = $(test_fake_xl_LDFLAGS)
EXTRA_DIST += %D%/fake-helper.py %D%/hooks.sh

hook_tests = \
	%D%/test-front-arguments.sh \
	%D%/test-front-chain.sh \
	%D%/test-front-configure.sh \
	%D%/test-front-missing.sh \
	%D%/test-front-pass.sh \
	%D%/test-hooks-exports.sh \
	%D%/test-hooks-inherit.sh \
	%D%/test-hooks-interrupt.sh \
	%D%/test-hooks-missing.sh \
	%D%/test-hooks-plain.sh \
	%D%/test-hooks-real-libxl.sh \
	%D%/test-hooks-receive.sh \
	%D%/test-hooks-send.sh
TESTS += $(hook_tests)
EXTRA_DIST += $(hook_tests)

helper_tests = \
	%D%/test-migrate.sh \
	%D%/test-migrate-refused.sh \
	%D%/test-push.sh \
	%D%/test-push-damage.sh
TESTS += $(helper_tests)
EXTRA_DIST += $(helper_tests) %D%/migration.sh %D%/fake-xl.py

IMAGE_TESTS = %D%/test-scan.sh %D%/test-compare.sh %D%/test-verify.sh \
	%D%/test-block-device.sh
TESTS += $(IMAGE_TESTS)
EXTRA_DIST += $(IMAGE_TESTS)

check_PROGRAMS += test/test-tracker-records
test_test_tracker_records_SOURCES = %D%/test-tracker-records.c \
	plugin/tracerecord.c plugin/dirty.c
TESTS += test/test-tracker-records

check_PROGRAMS += tracker-tool tracker-writer tracker-mute
tracker_tool_SOURCES = %D%/tracker-tool.c plugin/tracker.c \
	plugin/trackdev.c plugin/tracepoint.c plugin/tracerecord.c \
	plugin/dirty.c plugin/loopdev.c plugin/image.c plugin/log.c
tracker_tool_CPPFLAGS = $(AM_CPPFLAGS) $(XTL_CFLAGS)
tracker_tool_LDADD = $(XTL_LIBS)
tracker_writer_SOURCES = %D%/tracker-writer.c
tracker_mute_SOURCES = %D%/tracker-mute.c

TRACKER_TESTS = \
	%D%/test-tracker-blktrace.sh \
	%D%/test-tracker-dm.sh \
	%D%/test-tracker-events.sh \
	%D%/test-tracker-loop.sh \
	%D%/test-tracker-lost.sh \
	%D%/test-tracker-muted.sh \
	%D%/test-tracker-refused.sh
TESTS += $(TRACKER_TESTS)
EXTRA_DIST += $(TRACKER_TESTS) %D%/tracking.sh
