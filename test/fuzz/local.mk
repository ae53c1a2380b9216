# Each target is one file; fuzz.h tells how they are used.
fuzz_targets = \
	%D%/fuzz-coded \
	%D%/fuzz-configuration \
	%D%/fuzz-ext \
	%D%/fuzz-index-record \
	%D%/fuzz-json-text \
	%D%/fuzz-listing \
	%D%/fuzz-manifest \
	%D%/fuzz-memory \
	%D%/fuzz-ntfs \
	%D%/fuzz-partitions \
	%D%/fuzz-receive \
	%D%/fuzz-recipe \
	%D%/fuzz-regions \
	%D%/fuzz-send \
	%D%/fuzz-wire
check_PROGRAMS += $(fuzz_targets)
TESTS += %D%/test-fuzz-corpus.sh

# They stand before what they test: of that, the linker leaves out what they
# define themselves.
check_LTLIBRARIES += libfuzz.la libfuzzmap.la libfuzzdisk.la \
	libfuzzsession.la
libfuzz_la_SOURCES = %D%/fuzz.c %D%/fuzz.h
if FUZZING
fuzz_main = $(LIB_FUZZING_ENGINE)
else
libfuzz_la_SOURCES += %D%/replay.c
endif
fuzz_libraries = libfuzz.la $(fuzz_main) $(LDADD)
libfuzzmap_la_SOURCES = %D%/map.c %D%/map.h
libfuzzdisk_la_SOURCES = %D%/disk.c %D%/disk.h
libfuzzsession_la_SOURCES = %D%/session.c %D%/session.h
fuzz_disk_libraries = libfuzzdisk.la libparser.la libfuzzmap.la \
	$(fuzz_libraries) $(BLKID_LIBS) $(EXT2FS_LIBS) $(NTFS_LIBS) \
	$(SECCOMP_LIBS)

%C%_fuzz_coded_LDADD = libfuzzsession.la $(fuzz_libraries)
%C%_fuzz_configuration_LDADD = $(fuzz_libraries)
%C%_fuzz_ext_LDADD = $(fuzz_disk_libraries)
%C%_fuzz_index_record_LDADD = $(fuzz_libraries)
%C%_fuzz_json_text_LDADD = $(fuzz_libraries)
%C%_fuzz_listing_LDADD = libfuzzsession.la $(fuzz_libraries)
%C%_fuzz_manifest_LDADD = $(fuzz_libraries)
%C%_fuzz_memory_LDADD = $(fuzz_libraries)
%C%_fuzz_ntfs_CPPFLAGS = $(libparser_la_CPPFLAGS)
%C%_fuzz_ntfs_LDADD = $(fuzz_disk_libraries)
%C%_fuzz_partitions_LDADD = $(fuzz_disk_libraries)
%C%_fuzz_receive_LDADD = libfuzzsession.la libfuzzmap.la $(fuzz_libraries)
%C%_fuzz_recipe_LDADD = $(fuzz_libraries)
%C%_fuzz_regions_LDADD = libfuzzmap.la $(fuzz_libraries)
%C%_fuzz_send_LDADD = libfuzzsession.la libfuzzmap.la $(fuzz_libraries)
%C%_fuzz_wire_LDADD = $(fuzz_libraries)

EXTRA_DIST += %D%/libraries.sh %D%/run.sh %D%/seeds.py \
	%D%/test-fuzz-corpus.sh %D%/corpus

# make fuzz SECONDS=60 [FUZZ='ext ntfs']: builds with clang in fuzz-build/ and
# runs each target for that time.
SECONDS = 60
FUZZ =
.PHONY: fuzz fuzz-targets
fuzz:
	@abs_top_srcdir='$(abs_top_srcdir)' $(SHELL) '$(srcdir)/%D%/run.sh' \
		'$(abs_top_builddir)/fuzz-build' '$(SECONDS)' $(FUZZ)
fuzz-targets: $(fuzz_targets)
