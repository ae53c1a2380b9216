# Each is one file and links of libplugin what it needs (LDADD).  test-wire,
# test-buf and test-window include the modules that they test.
unit_tests = \
	%D%/test-adapt-effort \
	%D%/test-adapt-level \
	%D%/test-block-run \
	%D%/test-blocksearch \
	%D%/test-budget \
	%D%/test-buf \
	%D%/test-coalesce \
	%D%/test-confinement \
	%D%/test-control \
	%D%/test-destination \
	%D%/test-escape \
	%D%/test-destination-list \
	%D%/test-handshake \
	%D%/test-host-secret \
	%D%/test-identity \
	%D%/test-inbox \
	%D%/test-index \
	%D%/test-json-text \
	%D%/test-last-words \
	%D%/test-manifest \
	%D%/test-number \
	%D%/test-object-table \
	%D%/test-peer \
	%D%/test-program \
	%D%/test-readback \
	%D%/test-record \
	%D%/test-reference \
	%D%/test-rolling \
	%D%/test-rsh \
	%D%/test-safe-path \
	%D%/test-segment \
	%D%/test-send-order \
	%D%/test-source-copy \
	%D%/test-tables \
	%D%/test-tail \
	%D%/test-taskgroup \
	%D%/test-threadpool \
	%D%/test-timed-call \
	%D%/test-trace-parse \
	%D%/test-users \
	%D%/test-vbd \
	%D%/test-window \
	%D%/test-wire \
	%D%/test-x86-bcj \
	%D%/test-x86-operands
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
EXTRA_DIST += %D%/loop.h %D%/unit.h
