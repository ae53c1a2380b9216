libplugin_la_SOURCES += \
	%D%/adapt_level.c %D%/adapt_level.h \
	%D%/frame.c %D%/frame.h \
	%D%/freight.c %D%/freight.h \
	%D%/greeting.c %D%/greeting.h \
	%D%/inbox.c %D%/inbox.h \
	%D%/line.c %D%/line.h \
	%D%/listing.c %D%/listing.h \
	%D%/peer.c %D%/peer.h \
	%D%/unfreight.c %D%/unfreight.h \
	%D%/wire.c %D%/wire.h \
	%D%/wire_options.c %D%/wire_options.h
