# As xl-dedup-attach, but the test says which scripts are known.
check_PROGRAMS += attach-tool
attach_tool_SOURCES = libxlhooks/attach.c %D%/known-script.c
attach_tool_CPPFLAGS = $(AM_CPPFLAGS) $(XENSTORE_CFLAGS)
attach_tool_LDADD = libplugin.la $(XENSTORE_LIBS)

# What calls a real libxl, and what libxl believes to be its host.
check_PROGRAMS += real-libxl
real_libxl_SOURCES = %D%/real-libxl.c
real_libxl_LDADD =
real_libxl_LDFLAGS = $(AM_LDFLAGS) -no-install
check_LTLIBRARIES += libreallibxl.la
libreallibxl_la_SOURCES = %D%/real-libxl-host.c
libreallibxl_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version -shared

hook_tests = \
	%D%/test-attach.sh \
	%D%/test-front-arguments.sh \
	%D%/test-front-chain.sh \
	%D%/test-front-configure.sh \
	%D%/test-front-missing.sh \
	%D%/test-front-pass.sh \
	%D%/test-hooks-exports.sh \
	%D%/test-hooks-inherit.sh \
	%D%/test-hooks-interrupt.sh \
	%D%/test-hooks-layout.sh \
	%D%/test-hooks-missing.sh \
	%D%/test-hooks-plain.sh \
	%D%/test-hooks-real-json.sh \
	%D%/test-hooks-real-libxl.sh \
	%D%/test-hooks-receive.sh \
	%D%/test-hooks-send.sh
TESTS += $(hook_tests)
EXTRA_DIST += $(hook_tests) %D%/hooks.sh
