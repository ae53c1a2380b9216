# Each target is one file; fuzz.h tells how they are used.
fuzz_targets = \
	%D%/fuzz-configuration \
	%D%/fuzz-index-record \
	%D%/fuzz-regions
check_PROGRAMS += $(fuzz_targets)
TESTS += %D%/test-fuzz-corpus.sh

# They stand before what they test: of that, the linker leaves out what they
# define themselves.
check_LTLIBRARIES += libfuzz.la libfuzzmap.la
libfuzz_la_SOURCES = %D%/fuzz.c %D%/fuzz.h
if FUZZING
fuzz_main = $(LIB_FUZZING_ENGINE)
else
libfuzz_la_SOURCES += %D%/replay.c
endif
fuzz_libraries = libfuzz.la $(fuzz_main) $(LDADD)
libfuzzmap_la_SOURCES = %D%/map.c %D%/map.h

%C%_fuzz_configuration_LDADD = $(fuzz_libraries)
%C%_fuzz_index_record_LDADD = $(fuzz_libraries)
%C%_fuzz_regions_LDADD = libfuzzmap.la $(fuzz_libraries)

EXTRA_DIST += %D%/run.sh %D%/seeds.py \
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
