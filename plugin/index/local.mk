libplugin_la_SOURCES += \
	%D%/basis.c %D%/basis.h \
	%D%/entering.c %D%/entering.h \
	%D%/index.c %D%/index.h \
	%D%/index_add.c \
	%D%/index_add_image.c \
	%D%/index_record.c \
	%D%/index_spotcheck.c %D%/index_spotcheck.h \
	%D%/index_walk.c \
	%D%/store.c %D%/store.h
