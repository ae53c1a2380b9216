fault_tests = \
	%D%/test-device-retry.sh \
	%D%/test-faults-cut.sh \
	%D%/test-faults-hang.sh \
	%D%/test-faults-interrupt.sh \
	%D%/test-faults-kill.sh \
	%D%/test-faults-live.sh \
	%D%/test-faults-reset.sh \
	%D%/test-faults-storage.sh \
	%D%/test-nth.sh \
	%D%/test-transport.sh
TESTS += $(fault_tests)
EXTRA_DIST += $(fault_tests) %D%/fault-proxy.py %D%/faults.sh %D%/nth.py

# Storage that fails, preloaded; -rpath as in lib.
check_LTLIBRARIES += libfailio.la
libfailio_la_SOURCES = %D%/fail-io.c
libfailio_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version -shared

# Storage that is slow.
check_LTLIBRARIES += libholdread.la
libholdread_la_SOURCES = %D%/hold-read.c
libholdread_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version -shared

check_LTLIBRARIES += libhearsyslog.la
libhearsyslog_la_SOURCES = %D%/hear-syslog.c
libhearsyslog_la_LDFLAGS = $(AM_LDFLAGS) -rpath /nowhere -avoid-version \
	-shared
