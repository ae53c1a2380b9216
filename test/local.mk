# Each folder has the tests of one thing, and what only these need; lib has what
# those of several need.
include %D%/lib/local.mk
include %D%/fsparse/local.mk
include %D%/hooks/local.mk
include %D%/migrate/local.mk
include %D%/faults/local.mk
include %D%/push/local.mk
include %D%/cmd/local.mk
include %D%/unit/local.mk
include %D%/fuzz/local.mk
include %D%/track/local.mk
include %D%/nested/local.mk
include %D%/package/local.mk
include %D%/bench/local.mk

EXTRA_DIST += %D%/install-packages.sh %D%/packages \
	%D%/streams/README %D%/streams/hvm.xz %D%/streams/pvh-live-cut.xz

# Not part of make check; docs/testing.md says when they are run.
#
# In a build with --enable-sanitizers=thread: what has threads.  The reports of
# what a test starts go to files, since the test has its standard error.
tsan_tests = $(unit_tests) \
	%D%/migrate/test-live-ahead.sh \
	%D%/migrate/test-memory-codec.sh \
	%D%/migrate/test-memory-migrate.sh \
	%D%/migrate/test-migrate.sh \
	%D%/migrate/test-return.sh \
	%D%/push/test-index-receive.sh \
	%D%/push/test-local-copies.sh \
	%D%/push/test-push.sh \
	%D%/push/test-push-code.sh \
	%D%/push/test-push-versions.sh \
	%D%/push/test-resume.sh
.PHONY: check-tsan check-valgrind
check-tsan:
	rm -f tsan.[0-9]*
	TSAN_OPTIONS='log_path=$(abs_builddir)/tsan' \
		$(MAKE) check TESTS='$(tsan_tests)'
	@set -- tsan.[0-9]*; test ! -e "$$1" || { cat "$$@"; exit 1; }

# Errors, and what nothing points to any more, in what reads words of others.
memcheck = valgrind -q --error-exitcode=99 --leak-check=full \
	--errors-for-leak-kinds=definite
valgrind_tests = \
	%D%/unit/test-budget \
	%D%/unit/test-buf \
	%D%/unit/test-escape \
	%D%/unit/test-handshake \
	%D%/unit/test-number \
	%D%/unit/test-record \
	%D%/unit/test-rolling \
	%D%/unit/test-segment \
	%D%/unit/test-vbd \
	%D%/unit/test-wire
check-valgrind:
	$(MAKE) check TESTS='$(valgrind_tests)' LOG_COMPILER='$(memcheck)'
