libplugin_la_SOURCES += \
	%D%/bypass.c %D%/bypass.h \
	%D%/devices.c %D%/devices.h \
	%D%/perf_events.c %D%/perf_events.h \
	%D%/trace_parse.c %D%/trace_parse.h \
	%D%/tracker.c %D%/tracker.h \
	%D%/watch.c %D%/watch.h
