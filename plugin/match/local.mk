libplugin_la_SOURCES += \
	%D%/blockindex.c %D%/blockindex.h \
	%D%/blocktable.c %D%/blocktable.h \
	%D%/rolling.c %D%/rolling.h \
	%D%/x86_bcj.c %D%/x86_bcj.h \
	%D%/x86_operands.c %D%/x86_operands.h
