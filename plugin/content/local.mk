libplugin_la_SOURCES += \
	%D%/decompressed.c %D%/decompressed.h \
	%D%/findings.c %D%/findings.h \
	%D%/manifest.c %D%/manifest.h \
	%D%/manifest_hash.c %D%/manifest_hash.h \
	%D%/recent_files.c %D%/recent_files.h \
	%D%/segment.c %D%/segment.h \
	%D%/spans.c %D%/spans.h
