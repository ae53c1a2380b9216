push_tests = \
	%D%/test-confined.sh \
	%D%/test-destinations.sh \
	%D%/test-every-frame.sh \
	%D%/test-holes.sh \
	%D%/test-index-false.sh \
	%D%/test-index-receive.sh \
	%D%/test-local-copies.sh \
	%D%/test-memory-limit.sh \
	%D%/test-push.sh \
	%D%/test-push-anywhere.sh \
	%D%/test-push-code.sh \
	%D%/test-push-damage.sh \
	%D%/test-push-doubt.sh \
	%D%/test-push-dry-run.sh \
	%D%/test-push-early.sh \
	%D%/test-push-free.sh \
	%D%/test-push-host.sh \
	%D%/test-push-hostile.sh \
	%D%/test-push-once.sh \
	%D%/test-push-random.sh \
	%D%/test-push-versions.sh \
	%D%/test-push-written.sh \
	%D%/test-receive-hostile.sh \
	%D%/test-reference-access.sh \
	%D%/test-resume.sh \
	%D%/test-serve.sh \
	%D%/test-secret.sh \
	%D%/test-secret-device.sh \
	%D%/test-staging.sh \
	%D%/test-stale-holes.sh \
	%D%/test-timeout-limit.sh \
	%D%/test-wire-decode.sh
TESTS += $(push_tests)
EXTRA_DIST += $(push_tests) %D%/ask-memory.py %D%/confined.py %D%/dry-run.sh \
	%D%/name-destination.py %D%/random-image.py %D%/serve.sh

# Storage that is wrong about its holes, preloaded; -rpath as in lib.
check_LTLIBRARIES += libstaleholes.la
libstaleholes_la_SOURCES = %D%/stale-holes.c
libstaleholes_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared
