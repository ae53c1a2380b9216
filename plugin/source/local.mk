libplugin_la_SOURCES += \
	%D%/blocklist.c %D%/blocklist.h \
	%D%/bulk.c \
	%D%/delta.c \
	%D%/disk.h \
	%D%/dry_run.c %D%/dry_run.h \
	%D%/object_table.c %D%/object_table.h \
	%D%/pass.c \
	%D%/prehash.c %D%/prehash.h \
	%D%/recipe.c %D%/recipe.h \
	%D%/remove_source.c %D%/remove_source.h \
	%D%/report.c %D%/report.h \
	%D%/reservoir.c %D%/reservoir.h \
	%D%/rounds.c \
	%D%/scan.c %D%/scan.h \
	%D%/send_order.c %D%/send_order.h \
	%D%/sender.c %D%/sender.h \
	%D%/session.h \
	%D%/witness.c
