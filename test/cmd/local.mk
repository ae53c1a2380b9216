cmd_tests = \
	%D%/test-adopt.sh \
	%D%/test-block-device.sh \
	%D%/test-compare.sh \
	%D%/test-clean.sh \
	%D%/test-compare-packed.sh \
	%D%/test-comparison.sh \
	%D%/test-completion.sh \
	%D%/test-docs.sh \
	%D%/test-doctor.sh \
	%D%/test-escape.sh \
	%D%/test-getting-started.sh \
	%D%/test-hardening.sh \
	%D%/test-includes.sh \
	%D%/test-index-command.sh \
	%D%/test-sandbox.sh \
	%D%/test-scan.sh \
	%D%/test-scan-shared.sh \
	%D%/test-shellcheck.sh \
	%D%/test-status.sh \
	%D%/test-unit.sh \
	%D%/test-verify.sh
TESTS += $(cmd_tests)
EXTRA_DIST += $(cmd_tests) %D%/as-unit.py %D%/includes.awk .shellcheckrc
