# The digest of content, from a library or from its source.  That is not ours to
# check: neither warnings nor sanitizers.
if BUILD_BLAKE3
BLAKE3_LDADD = libblake3.a
CLEANFILES += libblake3.a
libblake3.a: Makefile
	$(AM_V_GEN)rm -rf $@ blake3-objects && mkdir blake3-objects && \
	for part in blake3.c blake3_dispatch.c blake3_portable.c \
	    $(BLAKE3_PARTS); do \
	    $(CC) $(CFLAGS) -w -fPIC $(BLAKE3_DEFINES) -c \
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
libplugin_la_SOURCES = \
	%D%/abandoned.c %D%/abandoned.h %D%/ahead.c %D%/ahead.h %D%/apply.c \
	%D%/backend.c %D%/backend.h \
	%D%/blockindex.c %D%/blockindex.h %D%/blocklist.c %D%/blocklist.h \
	%D%/blocktable.c %D%/blocktable.h %D%/bounded.c %D%/bounded.h \
	%D%/buf.c %D%/buf.h %D%/bulk.c %D%/busy.c %D%/busy.h %D%/bytes.h \
	%D%/check.c %D%/cmd_allow.c %D%/cmd_clean.c %D%/cmd_compare.c \
	%D%/cmd_estimate_xl.c %D%/cmd_index.c %D%/cmd_push.c \
	%D%/cmd_receive_xl.c %D%/cmd_scan.c %D%/cmd_send_xl.c \
	%D%/cmd_status.c %D%/cmd_util.c %D%/cmd_util.h %D%/cmd_verify.c \
	%D%/commands.h %D%/configuration.c %D%/configuration.h \
	%D%/content_digest.c %D%/content_digest.h \
	%D%/control.c %D%/control.h %D%/crew.c %D%/crew.h %D%/deltas.c \
	%D%/destination.c %D%/destination.h %D%/destination_check.c \
	%D%/destination_lookout.c %D%/destination_place.c \
	%D%/destination_write.c \
	%D%/digest.c %D%/digest.h %D%/dirty.c %D%/dirty.h \
	%D%/domains.c %D%/domains.h \
	%D%/effort.c %D%/effort.h %D%/entering.c %D%/entering.h \
	%D%/explain.c %D%/explain.h %D%/fdio.c %D%/fdio.h \
	%D%/frame.c %D%/frame.h %D%/freight.c %D%/freight.h %D%/gather.c %D%/gather.h \
	%D%/guard.c %D%/guard.h %D%/guestdisk.c %D%/guestdisk.h \
	%D%/handshake.c %D%/handshake.h \
	%D%/hashpool.c %D%/hashpool.h %D%/hold.c %D%/hold.h \
	%D%/holding.c %D%/holding.h %D%/hostname.h %D%/huge.h \
	%D%/image.c %D%/image.h \
	%D%/image_list.c %D%/image_list.h %D%/inbox.c %D%/inbox.h \
	%D%/identity.c %D%/identity.h \
	%D%/index.c %D%/index.h %D%/index_enter.c %D%/index_put.c \
	%D%/index_record.c %D%/index_sample.c %D%/index_sample.h \
	%D%/index_walk.c %D%/keeper.c %D%/keeper.h \
	%D%/leftover.c %D%/leftover.h %D%/level.c %D%/level.h \
	%D%/listing.c %D%/listing.h %D%/live.c \
	%D%/local_copy.c %D%/local_copy.h %D%/log.c %D%/log.h \
	%D%/loopdev.c %D%/loopdev.h  %D%/manifest.c %D%/manifest.h \
	%D%/mark.c %D%/mark.h %D%/memdecode.c %D%/memdecode.h \
	%D%/memencode.c %D%/memencode.h \
	%D%/memory_options.c %D%/memory_options.h \
	%D%/memreceive.c %D%/memreceive.h %D%/memsend.c %D%/memsend.h \
	%D%/memstream.c %D%/memstream.h %D%/monotonic.h %D%/niceness.h \
	%D%/openers.c %D%/openers.h %D%/order.c %D%/order.h \
	%D%/owner.c %D%/owner.h \
	%D%/pagecache.c %D%/pagecache.h %D%/parallel.c %D%/parallel.h \
	%D%/passes.c %D%/peer.c %D%/peer.h %D%/placeholder.c \
	%D%/placeholder.h %D%/plain.c %D%/plain.h \
	%D%/processors.c %D%/processors.h %D%/proto.c %D%/proto.h \
	%D%/pump.c %D%/pump.h %D%/readback.c %D%/readback.h \
	%D%/rebuild.c %D%/receiver.c %D%/receiver.h %D%/recent.c %D%/recent.h \
	%D%/recipe.c %D%/recipe.h %D%/record.c %D%/record.h \
	%D%/reference.c %D%/reference.h %D%/refresh.c %D%/refresh.h \
	%D%/rehearse.c %D%/rehearse.h %D%/report.c %D%/report.h \
	%D%/rolling.c %D%/rolling.h %D%/roster.c %D%/roster.h \
	%D%/rsh.c %D%/rsh.h \
	%D%/sample.c %D%/sample.h %D%/scan.c %D%/scan.h %D%/scatter.c \
	%D%/search.c %D%/segment.c %D%/segment.h \
	%D%/segment_run.c %D%/segment_run.h %D%/sender.c %D%/sender.h \
	%D%/skeleton.c %D%/skeleton.h %D%/sketched.c %D%/sketched.h \
	%D%/source_disk.h %D%/store.c %D%/store.h %D%/sweep.c %D%/sweep.h \
	%D%/target_disk.h %D%/text.c %D%/text.h %D%/thin.c %D%/thin.h \
	%D%/tracepoint.c %D%/tracepoint.h \
	%D%/tracerecord.c %D%/tracerecord.h %D%/trackdev.c %D%/trackdev.h \
	%D%/tracker.c %D%/tracker.h %D%/tracksource.c %D%/tracksource.h \
	%D%/trackways.c %D%/trackways.h %D%/unused.c %D%/unused.h \
	%D%/users.c %D%/users.h %D%/vbd.c %D%/vbd.h %D%/versions.c \
	%D%/wire.c %D%/wire.h \
	%D%/wire_options.c %D%/wire_options.h %D%/witness.c \
	%D%/witnessed.c %D%/workers.c %D%/workers.h \
	%D%/x86code.c %D%/x86code.h %D%/zero.c %D%/zero.h
libplugin_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden

# What all programs link that do not say otherwise.
LDADD = libplugin.la libfsparse.la $(SODIUM_LIBS) $(ZSTD_LIBS) \
	$(JSON_LIBS) $(LMDB_LIBS) $(XTL_LIBS) $(BLAKE3_LDADD)

sbin_PROGRAMS += xl-dedup
xl_dedup_SOURCES = %D%/main.c
