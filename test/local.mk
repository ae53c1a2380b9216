check_PROGRAMS += test/test-manifest
test_test_manifest_SOURCES = %D%/test-manifest.c plugin/manifest.c \
	plugin/hashpool.c plugin/parallel.c plugin/text.c \
	plugin/image.c plugin/log.c
test_test_manifest_CPPFLAGS = $(AM_CPPFLAGS) $(SODIUM_CFLAGS) $(XTL_CFLAGS)
test_test_manifest_LDADD = $(SODIUM_LIBS) $(XTL_LIBS)
TESTS += test/test-manifest
