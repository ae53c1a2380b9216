# Where bash-completion looks for them: the one when it is needed, the other
# whenever a shell starts.
completionsdir = $(datadir)/bash-completion/completions
startdir = $(sysconfdir)/bash_completion.d
EXTRA_DIST += %D%/xl-dedup.bash %D%/start.bash.in
CLEANFILES += %D%/start.bash %D%/start.bash.tmp
all-local: %D%/start.bash

%D%/start.bash: %D%/start.bash.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	sed 's,@completionsdir[@],$(completionsdir),g' \
		$(srcdir)/%D%/start.bash.in >$@.tmp && \
	mv $@.tmp $@

install-data-hook: %D%/start.bash
	$(MKDIR_P) '$(DESTDIR)$(completionsdir)' '$(DESTDIR)$(startdir)'
	$(INSTALL_DATA) $(srcdir)/%D%/xl-dedup.bash \
		'$(DESTDIR)$(completionsdir)/xl-dedup'
	$(INSTALL_DATA) %D%/start.bash '$(DESTDIR)$(startdir)/xl-dedup'
