check_PROGRAMS += fsparse-dump
fsparse_dump_SOURCES = %D%/fsparse-dump.c
fsparse_dump_CPPFLAGS = $(AM_CPPFLAGS) $(SODIUM_CFLAGS)
fsparse_dump_LDADD = libfsparse.la $(SODIUM_LIBS)

fsparse_tests = \
	%D%/test-broken-images.sh \
	%D%/test-fsparse-checks.sh \
	%D%/test-fsparse-claims.sh \
	%D%/test-fsparse-damaged.sh \
	%D%/test-fsparse-ext.sh \
	%D%/test-fsparse-gaps.sh \
	%D%/test-fsparse-hostile.sh \
	%D%/test-fsparse-ntfs.sh \
	%D%/test-fsparse-partitions.sh \
	%D%/test-fsparse-plain.sh
TESTS += $(fsparse_tests)
EXTRA_DIST += $(fsparse_tests) %D%/ntfs.sh %D%/broken-images.py
