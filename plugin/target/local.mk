libplugin_la_SOURCES += \
	%D%/assembly.c %D%/assembly.h \
	%D%/blocklist.c %D%/blocklist.h \
	%D%/blocksearch.c %D%/blocksearch.h \
	%D%/bulk.c %D%/bulk.h \
	%D%/coalesce.c %D%/coalesce.h \
	%D%/confinement.c %D%/confinement.h \
	%D%/confinement_filter.c %D%/confinement_filter.h \
	%D%/delta.c %D%/delta.h \
	%D%/destination.h \
	%D%/destination_begin.c %D%/destination_begin.h \
	%D%/destination_check.c %D%/destination_check.h \
	%D%/destination_enter.c %D%/destination_enter.h \
	%D%/destination_list.c %D%/destination_list.h \
	%D%/destination_lookout.c %D%/destination_lookout.h \
	%D%/destination_path.c %D%/destination_path.h \
	%D%/destination_place.c %D%/destination_place.h \
	%D%/destination_staging.c %D%/destination_staging.h \
	%D%/destination_storage.c %D%/destination_storage.h \
	%D%/destination_write.c %D%/destination_write.h \
	%D%/digest_table.c %D%/digest_table.h \
	%D%/disk.h \
	%D%/guard.c %D%/guard.h \
	%D%/index_disk.c %D%/index_disk.h \
	%D%/listed_blocks.c %D%/listed_blocks.h \
	%D%/local_copy.c %D%/local_copy.h \
	%D%/local_search.c %D%/local_search.h \
	%D%/monitor.c %D%/monitor.h \
	%D%/monitor_message.h \
	%D%/monitor_serve.c %D%/monitor_serve.h \
	%D%/names.c %D%/names.h \
	%D%/objects.c %D%/objects.h \
	%D%/offer.c %D%/offer.h \
	%D%/pass.c %D%/pass.h \
	%D%/passed_secrets.c %D%/passed_secrets.h \
	%D%/place.c %D%/place.h \
	%D%/placeholder.c %D%/placeholder.h \
	%D%/readback.c %D%/readback.h \
	%D%/receiver.c %D%/receiver.h \
	%D%/receiver_events.h \
	%D%/recipe.c %D%/recipe.h \
	%D%/reference.c %D%/reference.h \
	%D%/reference_images.c %D%/reference_images.h \
	%D%/refresh.c %D%/refresh.h \
	%D%/segments.c %D%/segments.h \
	%D%/session.c %D%/session.h \
	%D%/session_index.c %D%/session_index.h \
	%D%/signature.c %D%/signature.h \
	%D%/signature_queue.c %D%/signature_queue.h \
	%D%/staging.c %D%/staging.h \
	%D%/want.c %D%/want.h \
	%D%/witness.c %D%/witness.h
