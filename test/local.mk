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
