noinst_LTLIBRARIES += libfsparse.la
libfsparse_la_SOURCES = \
	%D%/fsparse.h \
	%D%/arena.c %D%/arena.h \
	%D%/build.h \
	%D%/cover.c \
	%D%/intake.c \
	%D%/map.c \
	%D%/process.c %D%/process.h \
	%D%/record.c %D%/record.h
