noinst_LTLIBRARIES += libfsparse.la
libfsparse_la_SOURCES = \
	%D%/fsparse.h \
	%D%/arena.c %D%/arena.h \
	%D%/build.h \
	%D%/check.c \
	%D%/cover.c \
	%D%/filter_rules.c %D%/filter_rules.h \
	%D%/gaps.c \
	%D%/holes.c %D%/holes.h \
	%D%/intake.c \
	%D%/map.c \
	%D%/plain.c \
	%D%/privileges.c %D%/privileges.h \
	%D%/process.c %D%/process.h \
	%D%/reader.c %D%/reader.h \
	%D%/record.c %D%/record.h \
	%D%/trim.c

# All of the parser but main(), for it and for test/fuzz.
noinst_LTLIBRARIES += libparser.la
libparser_la_SOURCES = \
	%D%/fsparse.h \
	%D%/arena.c %D%/arena.h \
	%D%/claims.c %D%/claims.h \
	%D%/emit.c %D%/emit.h \
	%D%/ext.c %D%/ext.h \
	%D%/ext_check.c %D%/ext_check.h \
	%D%/ext_claims.c %D%/ext_claims.h \
	%D%/ext_extents.c %D%/ext_extents.h \
	%D%/ext_io.c %D%/ext_io.h \
	%D%/ext_names.c %D%/ext_names.h \
	%D%/filter_rules.c %D%/filter_rules.h \
	%D%/ntfs.c %D%/ntfs.h %D%/ntfs_lib.h \
	%D%/ntfs_bitmap.c %D%/ntfs_bitmap.h \
	%D%/ntfs_check.c %D%/ntfs_check.h \
	%D%/ntfs_claims.c %D%/ntfs_claims.h \
	%D%/ntfs_device.c %D%/ntfs_device.h \
	%D%/ntfs_names.c %D%/ntfs_names.h \
	%D%/ntfs_public.c %D%/ntfs_public.h \
	%D%/ntfs_plain.c %D%/ntfs_plain.h \
	%D%/numbers.h \
	%D%/opens.c %D%/opens.h \
	%D%/parse_plain.c %D%/parse_plain.h \
	%D%/partition.c %D%/partition.h \
	%D%/privileges.c %D%/privileges.h \
	%D%/record.c %D%/record.h \
	%D%/sandbox.c %D%/sandbox.h \
	%D%/sandbox_filter.c %D%/sandbox_filter.h \
	%D%/sandbox_landlock.c %D%/sandbox_landlock.h \
	%D%/sandbox_probe.c %D%/sandbox_probe.h \
	%D%/tables.c %D%/tables.h \
	%D%/window.c %D%/window.h
libparser_la_CPPFLAGS = $(AM_CPPFLAGS) $(BLKID_CFLAGS) $(EXT2FS_CFLAGS) \
	$(NTFS_CFLAGS) $(SECCOMP_CFLAGS)

pkglibexec_PROGRAMS += xl-dedup-parse
xl_dedup_parse_SOURCES = %D%/parse.c
xl_dedup_parse_CPPFLAGS = $(libparser_la_CPPFLAGS)
xl_dedup_parse_LDADD = libparser.la $(BLKID_LIBS) $(EXT2FS_LIBS) $(NTFS_LIBS) \
	$(SECCOMP_LIBS)
