libplugin_la_SOURCES += \
	%D%/backend.c %D%/backend.h \
	%D%/cleanup.c %D%/cleanup.h \
	%D%/control.c %D%/control.h \
	%D%/domains.c %D%/domains.h \
	%D%/estimate.c \
	%D%/guest.c %D%/guest.h \
	%D%/guestdisk.c %D%/guestdisk.h \
	%D%/handshake.c %D%/handshake.h \
	%D%/helpers.h \
	%D%/hook_channel.c %D%/hook_channel.h \
	%D%/last_words.c %D%/last_words.h \
	%D%/program.c %D%/program.h \
	%D%/pump.c %D%/pump.h \
	%D%/receive.c \
	%D%/send.c \
	%D%/tail.c %D%/tail.h
