check_PROGRAMS += fsparse-dump
fsparse_dump_SOURCES = %D%/fsparse-dump.c
fsparse_dump_CPPFLAGS = $(AM_CPPFLAGS) $(SODIUM_CFLAGS)
fsparse_dump_LDADD = libfsparse.la $(SODIUM_LIBS)

FSPARSE_TESTS = \
	%D%/test-fsparse-claims.sh \
	%D%/test-fsparse-damaged.sh \
	%D%/test-fsparse-ext.sh \
	%D%/test-fsparse-gaps.sh \
	%D%/test-fsparse-hostile.sh \
	%D%/test-fsparse-ntfs.sh \
	%D%/test-fsparse-partitions.sh \
	%D%/test-fsparse-plain.sh
TESTS += $(FSPARSE_TESTS)
EXTRA_DIST += %D%/functions.sh %D%/ntfs.sh $(FSPARSE_TESTS)

check_PROGRAMS += test/test-manifest
test_test_manifest_SOURCES = %D%/test-manifest.c plugin/manifest.c \
	plugin/blockindex.c plugin/content_digest.c plugin/digest.c \
	plugin/hashpool.c plugin/image.c plugin/log.c plugin/parallel.c \
	plugin/recent.c plugin/segment.c plugin/segment_run.c plugin/text.c \
	plugin/workers.c plugin/zero.c
test_test_manifest_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_manifest_LDADD = $(SODIUM_LIBS) $(XTL_LIBS) $(BLAKE3_LDADD)
TESTS += test/test-manifest
# Impersonators of libxenlight and xl.  Without -rpath libtool would build no
# shared object; without -no-install fake-xl would be a shell script.
check_LTLIBRARIES += libfakexenlight.la
libfakexenlight_la_SOURCES = %D%/fake-libxl.c
libfakexenlight_la_CPPFLAGS = $(AM_CPPFLAGS) $(XENLIGHT_CFLAGS) \
	$(XTL_CFLAGS) $(XENSTORE_CFLAGS)
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

# As xl-dedup-attach, but the test says which scripts are known.
check_PROGRAMS += attach-tool
attach_tool_SOURCES = libxlhooks/attach.c %D%/known-script.c \
	plugin/loopdev.c
attach_tool_CPPFLAGS = $(AM_CPPFLAGS) $(XENSTORE_CFLAGS)
attach_tool_LDADD = $(XENSTORE_LIBS)
EXTRA_DIST += %D%/fake-xenstored.py

hook_tests = \
	%D%/test-attach.sh \
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
	%D%/test-destination-file.sh \
	%D%/test-destination-identity.sh \
	%D%/test-remove-source.sh \
	%D%/test-return.sh \
	%D%/test-holes.sh \
	%D%/test-shared-storage.sh \
	%D%/test-listing.sh \
	%D%/test-device-retry.sh \
	%D%/test-sectors.sh \
	%D%/test-status.sh \
	%D%/test-faults-cut.sh \
	%D%/test-faults-hang.sh \
	%D%/test-faults-interrupt.sh \
	%D%/test-faults-kill.sh \
	%D%/test-faults-live.sh \
	%D%/test-faults-reset.sh \
	%D%/test-faults-storage.sh \
	%D%/test-push.sh \
	%D%/test-resume.sh \
	%D%/test-push-free.sh \
	%D%/test-push-doubt.sh \
	%D%/test-push-dry-run.sh \
	%D%/test-migrate-dry-run.sh \
	%D%/test-push-random.sh \
	%D%/test-push-versions.sh \
	%D%/test-push-code.sh \
	%D%/test-push-anywhere.sh \
	%D%/test-push-damage.sh \
	%D%/test-push-written.sh %D%/test-push-early.sh \
	%D%/test-push-host.sh %D%/test-transport.sh \
	%D%/test-push-once.sh
TESTS += $(helper_tests)
EXTRA_DIST += $(helper_tests) %D%/acknowledged.py %D%/dry-run.sh \
	%D%/migration.sh %D%/fake-xl.py %D%/random-image.py %D%/faults.sh \
	%D%/fault-proxy.py %D%/fdio.py

# Storage that fails, preloaded; -rpath as above.
check_LTLIBRARIES += libfailio.la
libfailio_la_SOURCES = %D%/fail-io.c
libfailio_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version -shared

# Events that are switched off.
check_LTLIBRARIES += libfreezeclock.la
libfreezeclock_la_SOURCES = %D%/freeze-clock.c
libfreezeclock_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared

# Storage that is slow.
check_LTLIBRARIES += libholdread.la
libholdread_la_SOURCES = %D%/hold-read.c
libholdread_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version -shared

# Counts what is read.
check_LTLIBRARIES += libcountreads.la
libcountreads_la_SOURCES = %D%/count-reads.c
libcountreads_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared

BACKEND_TESTS = %D%/test-backend.sh %D%/test-backend-changes.sh \
	%D%/test-backend-dry-run.sh %D%/test-shared-disk.sh
TESTS += $(BACKEND_TESTS)
EXTRA_DIST += $(BACKEND_TESTS)

# A kernel with Xen's backend.
check_LTLIBRARIES += libfakebackends.la
libfakebackends_la_SOURCES = %D%/fake-backends.c
libfakebackends_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared

# Storage that is wrong about its holes.
TESTS += %D%/test-stale-holes.sh
EXTRA_DIST += %D%/test-stale-holes.sh
check_LTLIBRARIES += libstaleholes.la
libstaleholes_la_SOURCES = %D%/stale-holes.c
libstaleholes_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared

check_LTLIBRARIES += libhearsyslog.la
libhearsyslog_la_SOURCES = %D%/hear-syslog.c
libhearsyslog_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared

IMAGE_TESTS = %D%/test-scan.sh %D%/test-compare.sh \
	%D%/test-compare-packed.sh %D%/test-verify.sh \
	%D%/test-block-device.sh
TESTS += $(IMAGE_TESTS)
EXTRA_DIST += $(IMAGE_TESTS)

# Unit tests, each with what it needs of the program's modules.  test-wire and
# test-buf include the module that they test.
check_LTLIBRARIES += libplugintest.la
libplugintest_la_SOURCES = %D%/loop.h %D%/unit.h plugin/blockindex.c \
	plugin/blocktable.c plugin/buf.c plugin/content_digest.c \
	plugin/control.c plugin/crew.c plugin/destination.c \
	plugin/destination_check.c plugin/destination_lookout.c \
	plugin/destination_place.c plugin/destination_write.c \
	plugin/digest.c plugin/explain.c \
	plugin/fdio.c plugin/frame.c plugin/freight.c plugin/gather.c plugin/guard.c \
	plugin/handshake.c plugin/hashpool.c plugin/hold.c plugin/holding.c \
	plugin/image.c plugin/image_list.c plugin/inbox.c plugin/index.c \
	plugin/index_put.c plugin/index_record.c plugin/index_walk.c \
	plugin/leftover.c plugin/level.c plugin/log.c plugin/loopdev.c \
	plugin/manifest.c \
	plugin/mark.c plugin/memdecode.c plugin/memencode.c \
	plugin/memstream.c plugin/order.c plugin/owner.c plugin/pagecache.c \
	plugin/parallel.c plugin/placeholder.c plugin/processors.c \
	plugin/proto.c plugin/readback.c \
	plugin/recent.c plugin/record.c plugin/reference.c \
	plugin/refresh.c plugin/report.c plugin/rolling.c plugin/roster.c \
	plugin/rsh.c \
	plugin/segment.c plugin/segment_run.c plugin/skeleton.c \
	plugin/store.c plugin/sweep.c plugin/text.c plugin/thin.c plugin/users.c \
	plugin/workers.c plugin/x86code.c plugin/zero.c
libplugintest_la_CPPFLAGS = $(xl_dedup_CPPFLAGS)
UNIT_LDADD = libplugintest.la $(SODIUM_LIBS) $(ZSTD_LIBS) $(JSON_LIBS) \
	$(LMDB_LIBS) $(XTL_LIBS) $(BLAKE3_LDADD)
UNIT_TESTS = test/test-buf test/test-control test/test-crew \
	test/test-destination test/test-gather test/test-handshake \
	test/test-hold \
	test/test-inbox test/test-index test/test-leftover test/test-record \
	test/test-level test/test-order test/test-readback test/test-reference \
	test/test-roster \
	test/test-rolling test/test-rsh test/test-segment test/test-skeleton \
	test/test-sweep test/test-wire \
	test/test-workers test/test-x86code
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
test_test_buf_SOURCES = %D%/test-buf.c
test_test_buf_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_buf_LDADD = $(UNIT_LDADD)
test_test_control_SOURCES = %D%/test-control.c
test_test_control_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_control_LDADD = $(UNIT_LDADD)
test_test_crew_SOURCES = %D%/test-crew.c
test_test_crew_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_crew_LDADD = $(UNIT_LDADD)
test_test_destination_SOURCES = %D%/test-destination.c
test_test_destination_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_destination_LDADD = $(UNIT_LDADD)
test_test_gather_SOURCES = %D%/test-gather.c
test_test_gather_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_gather_LDADD = $(UNIT_LDADD)
test_test_handshake_SOURCES = %D%/test-handshake.c
test_test_handshake_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_handshake_LDADD = $(UNIT_LDADD)
test_test_hold_SOURCES = %D%/test-hold.c
test_test_hold_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_hold_LDADD = $(UNIT_LDADD)
test_test_inbox_SOURCES = %D%/test-inbox.c plugin/wire.c
test_test_inbox_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_inbox_LDADD = $(UNIT_LDADD)
test_test_leftover_SOURCES = %D%/test-leftover.c
test_test_leftover_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_leftover_LDADD = $(UNIT_LDADD)
test_test_index_SOURCES = %D%/test-index.c
test_test_index_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_index_LDADD = $(UNIT_LDADD) libfsparse.la
test_test_record_SOURCES = %D%/test-record.c
test_test_record_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_record_LDADD = $(UNIT_LDADD)
test_test_readback_SOURCES = %D%/test-readback.c
test_test_readback_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_readback_LDADD = $(UNIT_LDADD)
test_test_reference_SOURCES = %D%/test-reference.c
test_test_reference_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_reference_LDADD = $(UNIT_LDADD)
test_test_rolling_SOURCES = %D%/test-rolling.c
test_test_rolling_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_rolling_LDADD = $(UNIT_LDADD)
test_test_x86code_SOURCES = %D%/test-x86code.c
test_test_x86code_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_x86code_LDADD = $(UNIT_LDADD)
test_test_level_SOURCES = %D%/test-level.c
test_test_level_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_level_LDADD = $(UNIT_LDADD)
test_test_order_SOURCES = %D%/test-order.c
test_test_order_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_order_LDADD = $(UNIT_LDADD)

test_test_roster_SOURCES = %D%/test-roster.c
test_test_roster_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_roster_LDADD = $(UNIT_LDADD)
test_test_rsh_SOURCES = %D%/test-rsh.c
test_test_rsh_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_rsh_LDADD = $(UNIT_LDADD)
test_test_segment_SOURCES = %D%/test-segment.c
test_test_segment_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_segment_LDADD = $(UNIT_LDADD)
test_test_skeleton_SOURCES = %D%/test-skeleton.c
test_test_skeleton_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_skeleton_LDADD = $(UNIT_LDADD)
test_test_sweep_SOURCES = %D%/test-sweep.c
test_test_sweep_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_sweep_LDADD = $(UNIT_LDADD)
test_test_wire_SOURCES = %D%/test-wire.c
test_test_wire_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_wire_LDADD = $(UNIT_LDADD)
test_test_workers_SOURCES = %D%/test-workers.c
test_test_workers_CPPFLAGS = $(xl_dedup_CPPFLAGS)
test_test_workers_LDADD = $(UNIT_LDADD)

PEER_TESTS = \
	%D%/test-push-hostile.sh \
	%D%/test-receive-hostile.sh \
	%D%/test-wire-decode.sh
TESTS += $(PEER_TESTS)
EXTRA_DIST += $(PEER_TESTS) %D%/wire.py %D%/wire-decode.py \
	%D%/hostile.py %D%/hostile-source.py %D%/hostile-target.py

INDEX_TESTS = %D%/test-index-command.sh %D%/test-index-receive.sh \
	%D%/test-local-copies.sh
TESTS += $(INDEX_TESTS)
EXTRA_DIST += $(INDEX_TESTS)

TESTS += %D%/test-docs.sh
EXTRA_DIST += %D%/test-docs.sh

TESTS += %D%/test-shellcheck.sh
EXTRA_DIST += %D%/test-shellcheck.sh .shellcheckrc

check_PROGRAMS += test/test-tracker-records
test_test_tracker_records_SOURCES = %D%/test-tracker-records.c \
	plugin/tracerecord.c plugin/dirty.c
TESTS += test/test-tracker-records

check_PROGRAMS += test/test-identity
test_test_identity_SOURCES = %D%/test-identity.c plugin/identity.c
TESTS += test/test-identity

check_PROGRAMS += test/test-bounded
test_test_bounded_SOURCES = %D%/test-bounded.c plugin/bounded.c
TESTS += test/test-bounded

check_PROGRAMS += test/test-vbd
test_test_vbd_SOURCES = %D%/test-vbd.c plugin/vbd.c
TESTS += test/test-vbd

check_PROGRAMS += tracker-tool tracker-writer tracker-mute
check_PROGRAMS += tracker-tool tracker-writer tracker-mute stress-guest
tracker_tool_SOURCES = %D%/tracker-tool.c plugin/tracker.c \
	plugin/tracksource.c plugin/trackdev.c plugin/trackways.c \
	plugin/openers.c plugin/bounded.c plugin/explain.c \
	plugin/tracepoint.c plugin/tracerecord.c plugin/dirty.c plugin/loopdev.c \
	plugin/image.c plugin/log.c
tracker_tool_CPPFLAGS = $(AM_CPPFLAGS) $(XTL_CFLAGS)
tracker_tool_LDADD = $(XTL_LIBS)
tracker_writer_SOURCES = %D%/tracker-writer.c
tracker_mute_SOURCES = %D%/tracker-mute.c
stress_guest_SOURCES = %D%/stress-guest.c

# Skipped where the kernel does not let us trace.
tracker_tests = \
	%D%/test-live-ahead.sh \
	%D%/test-live-submission.sh \
	%D%/test-live-tracked.sh \
	%D%/test-tracker-frozen.sh \
	%D%/test-stress.sh \
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

EXTRA_DIST += \
	%D%/nested/bed.sh %D%/nested/build-image.sh \
	%D%/nested/build-product.sh %D%/nested/case-blackout.sh \
	%D%/nested/case-disks.sh \
	%D%/nested/case-exists.sh %D%/nested/case-ext4.sh \
	%D%/nested/case-faults.sh %D%/nested/case-hvm.sh \
	%D%/nested/case-identity.sh \
	%D%/nested/case-memory.sh \
	%D%/nested/case-noplugin.sh %D%/nested/case-nospace.sh \
	%D%/nested/case-paused.sh %D%/nested/case-reset.sh \
	%D%/nested/case-soak.sh %D%/nested/soak.sh \
	%D%/nested/case-stock.sh %D%/nested/case-tracker.sh \
	%D%/nested/demo.sh %D%/nested/dom0/bed-init %D%/nested/dom0/guest \
	%D%/nested/dom0/initrd-init %D%/nested/dom0/ssh_config \
	%D%/nested/guest-init %D%/nested/guest-initrd.sh \
	%D%/nested/guest-writer.c %D%/nested/host.sh %D%/nested/lib.sh \
	%D%/nested/packages %D%/nested/run.sh

# The memory codec.
check_PROGRAMS += memory-tool
memory_tool_SOURCES = %D%/memory-tool.c
memory_tool_CPPFLAGS = $(xl_dedup_CPPFLAGS)
memory_tool_LDADD = $(UNIT_LDADD)
check_PROGRAMS += test/test-effort
test_test_effort_SOURCES = %D%/test-effort.c plugin/effort.c
TESTS += test/test-effort
MEMORY_TESTS = %D%/test-memory-codec.sh %D%/test-memory-migrate.sh
TESTS += $(MEMORY_TESTS)
EXTRA_DIST += $(MEMORY_TESTS) %D%/make-stream.py %D%/streams/hvm.xz \
	%D%/streams/pvh-live-cut.xz %D%/streams/README

EXTRA_DIST += %D%/bench/bench.sh %D%/bench/gen.py \
	%D%/bench/grow-stream.py %D%/bench/link.pl %D%/bench/link.sh \
	%D%/bench/memory.sh %D%/bench/mkimages.sh %D%/bench/pack.py
