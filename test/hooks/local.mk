# As xl-dedup-attach, but the test says which scripts are known.
check_PROGRAMS += attach-tool
attach_tool_SOURCES = libxlhooks/attach.c %D%/known-script.c
attach_tool_CPPFLAGS = $(AM_CPPFLAGS) $(XENSTORE_CFLAGS)
attach_tool_LDADD = libplugin.la $(XENSTORE_LIBS)

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
	%D%/test-hooks-missing.sh \
	%D%/test-hooks-plain.sh \
	%D%/test-hooks-real-libxl.sh \
	%D%/test-hooks-receive.sh \
	%D%/test-hooks-send.sh
TESTS += $(hook_tests)
EXTRA_DIST += $(hook_tests) %D%/hooks.sh
