sbin_PROGRAMS += xl-dedup
xl_dedup_SOURCES = %D%/main.c %D%/control.c %D%/control.h \
	%D%/commands.h %D%/log.c %D%/log.h %D%/image.c %D%/image.h \
	%D%/manifest.c %D%/manifest.h %D%/hashpool.c %D%/hashpool.h \
	%D%/text.c %D%/parallel.c %D%/parallel.h \
	%D%/cmd_util.c %D%/cmd_util.h %D%/cmd_scan.c %D%/cmd_compare.c \
	%D%/cmd_verify.c
xl_dedup_CPPFLAGS = $(AM_CPPFLAGS) $(SODIUM_CFLAGS) $(ZSTD_CFLAGS) \
	$(JSON_CFLAGS) $(XTL_CFLAGS)
xl_dedup_LDADD = libfsparse.la $(SODIUM_LIBS) $(ZSTD_LIBS) $(JSON_LIBS) \
	$(XTL_LIBS)
