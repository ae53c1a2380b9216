libplugin_la_SOURCES += \
	%D%/blockdev.c %D%/blockdev.h \
	%D%/dirty.c %D%/dirty.h \
	%D%/free_space.c %D%/free_space.h \
	%D%/identity.c %D%/identity.h \
	%D%/image.c %D%/image.h \
	%D%/image_list.c %D%/image_list.h \
	%D%/node.h \
	%D%/owner.c %D%/owner.h \
	%D%/stamp.c %D%/stamp.h \
	%D%/thin.c %D%/thin.h \
	%D%/users.c %D%/users.h \
	%D%/vbd.c %D%/vbd.h \
	%D%/wipe.c %D%/wipe.h \
	%D%/writers.c %D%/writers.h
