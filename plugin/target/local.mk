libplugin_la_SOURCES += \
	%D%/blocklist.c \
	%D%/blocksearch.c %D%/blocksearch.h \
	%D%/bulk.c \
	%D%/coalesce.c %D%/coalesce.h \
	%D%/delta.c \
	%D%/destination.c %D%/destination.h \
	%D%/destination_check.c \
	%D%/destination_lookout.c \
	%D%/destination_place.c \
	%D%/destination_write.c \
	%D%/disk.h \
	%D%/guard.c %D%/guard.h \
	%D%/local_copy.c %D%/local_copy.h \
	%D%/local_search.c \
	%D%/pass.c \
	%D%/placeholder.c %D%/placeholder.h \
	%D%/readback.c %D%/readback.h \
	%D%/receiver.c %D%/receiver.h \
	%D%/recipe.c \
	%D%/reference.c %D%/reference.h \
	%D%/refresh.c %D%/refresh.h \
	%D%/signature.c %D%/signature.h \
	%D%/witness.c
