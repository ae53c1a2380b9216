check_PROGRAMS += tracker-tool tracker-writer tracker-mute
tracker_tool_SOURCES = %D%/tracker-tool.c
tracker_writer_SOURCES = %D%/tracker-writer.c
tracker_writer_LDADD =
tracker_mute_SOURCES = %D%/tracker-mute.c
tracker_mute_LDADD =

# Skipped where the kernel does not let us trace.
tracker_tests = \
	%D%/test-tracker-frozen.sh \
	%D%/test-tracker-lost.sh \
	%D%/test-tracker-muted.sh \
	%D%/test-tracker-refused.sh \
	%D%/test-tracker-zram.sh
# These want blktrace, device-mapper, or exact answers, which Linux 6.18 does not
# always give under load: test/nested/case-tracker.sh runs them, and the others,
# with Debian 12's kernel.
tracker_by_name = \
	%D%/test-tracker-blktrace.sh \
	%D%/test-tracker-dm.sh \
	%D%/test-tracker-events.sh \
	%D%/test-tracker-loop.sh
TESTS += $(tracker_tests)
EXTRA_DIST += $(tracker_tests) $(tracker_by_name) %D%/tracked.sh \
	%D%/tracking.sh %D%/zram.sh

# Events that are switched off, preloaded; -rpath as in lib.
check_LTLIBRARIES += libfreezeclock.la
libfreezeclock_la_SOURCES = %D%/freeze-clock.c
libfreezeclock_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared
