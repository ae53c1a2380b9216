noinst_LTLIBRARIES += libfsparse.la
libfsparse_la_SOURCES = %D%/fsparse.h %D%/map.c
