libplugin_la_SOURCES += \
	%D%/configuration.c %D%/configuration.h \
	%D%/record.c %D%/record.h \
	%D%/unfinished.c %D%/unfinished.h
