# Not enabled by installing them.
EXTRA_DIST += %D%/xl-dedup-index.service.in %D%/xl-dedup-index.timer
CLEANFILES += %D%/xl-dedup-index.service

%D%/xl-dedup-index.service: %D%/xl-dedup-index.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	sed -e 's,@sysconfdir[@],$(sysconfdir),g' \
		-e 's,@localstatedir[@],$(localstatedir),g' \
		-e 's,@sbindir[@],$(sbindir),g' \
		$(srcdir)/%D%/xl-dedup-index.service.in >$@.tmp && \
	mv $@.tmp $@
CLEANFILES += %D%/xl-dedup-index.service.tmp

if HAVE_SYSTEMD
dist_systemdsystemunit_DATA = %D%/xl-dedup-index.timer
nodist_systemdsystemunit_DATA = %D%/xl-dedup-index.service
endif
