migrate_tests = \
	%D%/test-backend.sh \
	%D%/test-backend-changes.sh \
	%D%/test-backend-dry-run.sh \
	%D%/test-destination-file.sh \
	%D%/test-destination-identity.sh \
	%D%/test-handover.sh \
	%D%/test-handover-device.sh \
	%D%/test-handover-killed.sh \
	%D%/test-listing.sh \
	%D%/test-live-ahead.sh \
	%D%/test-live-submission.sh \
	%D%/test-live-tracked.sh \
	%D%/test-memory-codec.sh \
	%D%/test-memory-migrate.sh \
	%D%/test-migrate.sh \
	%D%/test-migrate-command.sh \
	%D%/test-migrate-dry-run.sh \
	%D%/test-migrate-refused.sh \
	%D%/test-remove-source.sh \
	%D%/test-return.sh \
	%D%/test-secret-chain.sh \
	%D%/test-sectors.sh \
	%D%/test-shared-disk.sh \
	%D%/test-shared-storage.sh \
	%D%/test-stress.sh
TESTS += $(migrate_tests)
EXTRA_DIST += $(migrate_tests) %D%/acknowledged.py %D%/make-stream.py \
	%D%/handover.sh %D%/migration.sh

# The memory codec.
check_PROGRAMS += memory-tool
memory_tool_SOURCES = %D%/memory-tool.c

check_PROGRAMS += stress-guest
stress_guest_SOURCES = %D%/stress-guest.c
stress_guest_LDADD =

# Counts what is read; preloaded, -rpath as in lib.
check_LTLIBRARIES += libcountreads.la
libcountreads_la_SOURCES = %D%/count-reads.c
libcountreads_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared

# Kills at a step; preloaded, too.
check_LTLIBRARIES += libkillat.la
libkillat_la_SOURCES = %D%/kill-at.c
libkillat_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version -shared
