libplugin_la_SOURCES += \
	%D%/adoption.c %D%/adoption.h \
	%D%/backend.c %D%/backend.h \
	%D%/cleanup.c %D%/cleanup.h \
	%D%/control.c %D%/control.h \
	%D%/diagnosis.c %D%/diagnosis.h \
	%D%/domains.c %D%/domains.h \
	%D%/estimate.c \
	%D%/facts.c %D%/facts.h \
	%D%/facts_host.c %D%/facts_host.h \
	%D%/facts_xl.c %D%/facts_xl.h \
	%D%/guest.c %D%/guest.h \
	%D%/guest_file.c %D%/guest_file.h \
	%D%/guest_needs.c %D%/guest_needs.h \
	%D%/guestdisk.c %D%/guestdisk.h \
	%D%/handover.c %D%/handover.h \
	%D%/handshake.c %D%/handshake.h \
	%D%/helpers.h \
	%D%/hook_channel.c %D%/hook_channel.h \
	%D%/last_words.c %D%/last_words.h \
	%D%/judge_guest.c %D%/judge_guest.h \
	%D%/judge_host.c %D%/judge_host.h \
	%D%/program.c %D%/program.h \
	%D%/pump.c %D%/pump.h \
	%D%/receive.c \
	%D%/send.c \
	%D%/tail.c %D%/tail.h
