check_PROGRAMS += fsparse-dump
fsparse_dump_SOURCES = %D%/fsparse-dump.c
fsparse_dump_CPPFLAGS = $(AM_CPPFLAGS) $(SODIUM_CFLAGS)
fsparse_dump_LDADD = libfsparse.la $(SODIUM_LIBS)

FSPARSE_TESTS = \
	%D%/test-fsparse-claims.sh \
	%D%/test-fsparse-damaged.sh \
	%D%/test-fsparse-ext.sh \
	%D%/test-fsparse-hostile.sh \
	%D%/test-fsparse-ntfs.sh \
	%D%/test-fsparse-partitions.sh
TESTS += $(FSPARSE_TESTS)
EXTRA_DIST += %D%/functions.sh $(FSPARSE_TESTS)
