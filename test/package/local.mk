# Run by name: it builds in clean chroots.
EXTRA_DIST += %D%/in-chroot.sh %D%/test-package.sh
