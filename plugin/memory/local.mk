libplugin_la_SOURCES += \
	%D%/adapt_effort.c %D%/adapt_effort.h \
	%D%/memdecode.c %D%/memdecode.h \
	%D%/memencode.c %D%/memencode.h \
	%D%/memory_options.c %D%/memory_options.h \
	%D%/memory_report.c %D%/memory_report.h \
	%D%/mempack.c %D%/mempack.h \
	%D%/memreceive.c %D%/memreceive.h \
	%D%/memsend.c %D%/memsend.h \
	%D%/memstream.c %D%/memstream.h \
	%D%/pagecache.c %D%/pagecache.h \
	%D%/stream_digest.c %D%/stream_digest.h
