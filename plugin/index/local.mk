libplugin_la_SOURCES += \
	%D%/basis.c %D%/basis.h \
	%D%/index.c %D%/index.h \
	%D%/index_add.c %D%/index_add.h \
	%D%/index_add_image.c %D%/index_add_image.h \
	%D%/index_forget.c %D%/index_forget.h \
	%D%/index_open.c %D%/index_open.h \
	%D%/index_record.c %D%/index_record.h \
	%D%/index_spotcheck.c %D%/index_spotcheck.h \
	%D%/index_walk.c %D%/index_walk.h \
	%D%/store.c %D%/store.h
