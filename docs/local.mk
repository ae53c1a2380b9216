# The tarball has the man pages, so that pod2man is needed to change them only.
DOC_PAGES = docs/xl-dedup.8 docs/xl-dedup.conf.5 docs/xl-migrate-dedup.8 \
	docs/xl-dedup-protocol.7
EXTRA_DIST += \
	%D%/architecture.md \
	%D%/bench.md \
	%D%/comparison.md \
	%D%/faults.md \
	%D%/fuzzing.md \
	%D%/getting-started.md \
	%D%/protocol.md \
	%D%/protocol-pod.awk \
	%D%/security.md \
	%D%/testing.md \
	%D%/upstream.md \
	%D%/xl-dedup.8.pod \
	%D%/xl-dedup.conf \
	%D%/xl-dedup.conf.5.pod \
	%D%/xl-migrate-dedup.8.pod

if HAVE_MAN_PAGES
dist_man_MANS = $(DOC_PAGES)
MAINTAINERCLEANFILES = $(DOC_PAGES)

pod_verbose = $(pod_verbose_@AM_V@)
pod_verbose_ = $(pod_verbose_@AM_DEFAULT_V@)
pod_verbose_0 = @echo "  POD2MAN  $@";
SUFFIXES = .pod
.pod:
	$(pod_verbose)$(MKDIR_P) $(@D) && page=`basename $@` && \
	$(POD2MAN) --utf8 --center 'xl-dedup' \
		--release '$(PACKAGE_NAME) $(PACKAGE_VERSION)' \
		--section "$${page##*.}" --name "$${page%.*}" $< $@.tmp && \
	mv $@.tmp $@

# The page of the protocol is written in Markdown.
docs/xl-dedup-protocol.7: %D%/protocol.md %D%/protocol-pod.awk
	$(pod_verbose)$(MKDIR_P) $(@D) && \
	LC_ALL=C.UTF-8 $(AWK) -f $(srcdir)/%D%/protocol-pod.awk \
		$(srcdir)/%D%/protocol.md >$@.pod.tmp && \
	$(POD2MAN) --utf8 --center 'xl-dedup' \
		--release '$(PACKAGE_NAME) $(PACKAGE_VERSION)' \
		--section 7 --name xl-dedup-protocol $@.pod.tmp $@.tmp && \
	rm -f $@.pod.tmp && mv $@.tmp $@
endif
CLEANFILES += docs/*.tmp

# The admin's own configuration is left alone.
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)/xl-dedup'
	test -e '$(DESTDIR)$(sysconfdir)/xl-dedup/xl-dedup.conf' || \
	$(INSTALL_DATA) $(srcdir)/docs/xl-dedup.conf \
		'$(DESTDIR)$(sysconfdir)/xl-dedup/xl-dedup.conf'

# Only what is still as it was installed.
uninstall-local:
	! cmp -s $(srcdir)/docs/xl-dedup.conf \
		'$(DESTDIR)$(sysconfdir)/xl-dedup/xl-dedup.conf' || \
	rm -f '$(DESTDIR)$(sysconfdir)/xl-dedup/xl-dedup.conf'
