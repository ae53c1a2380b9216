libplugin_la_SOURCES += \
	%D%/blocklist.c %D%/blocklist.h \
	%D%/bulk.c %D%/bulk.h \
	%D%/delta.c %D%/delta.h \
	%D%/disk.h \
	%D%/doubt.c %D%/doubt.h \
	%D%/dry_run.c %D%/dry_run.h \
	%D%/estimate.c %D%/estimate.h \
	%D%/object_table.c %D%/object_table.h \
	%D%/offer.c %D%/offer.h \
	%D%/output.c %D%/output.h \
	%D%/pass.c %D%/pass.h \
	%D%/prehash.c %D%/prehash.h \
	%D%/recipe.c %D%/recipe.h \
	%D%/remove_source.c %D%/remove_source.h \
	%D%/report.c %D%/report.h \
	%D%/reservoir.c %D%/reservoir.h \
	%D%/rounds.c %D%/rounds.h \
	%D%/scan.c %D%/scan.h \
	%D%/send_order.c %D%/send_order.h \
	%D%/sender.c %D%/sender.h \
	%D%/session.h \
	%D%/witness.c %D%/witness.h
