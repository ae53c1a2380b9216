libplugin_la_SOURCES += \
	%D%/allowance.h \
	%D%/block_run.c %D%/block_run.h \
	%D%/budget.c %D%/budget.h \
	%D%/buf.c %D%/buf.h \
	%D%/bytes.h \
	%D%/clock.h \
	%D%/digest.c %D%/digest.h \
	%D%/escape.c %D%/escape.h \
	%D%/exit.h \
	%D%/fdio.c %D%/fdio.h \
	%D%/hostname.h \
	%D%/hugepage.h \
	%D%/json_text.c %D%/json_text.h \
	%D%/log.c %D%/log.h \
	%D%/number.c %D%/number.h \
	%D%/paths.c %D%/paths.h \
	%D%/priority.h \
	%D%/processors.c %D%/processors.h \
	%D%/rename_new.c %D%/rename_new.h \
	%D%/safe_path.c %D%/safe_path.h \
	%D%/taskgroup.c %D%/taskgroup.h \
	%D%/threadpool.c %D%/threadpool.h \
	%D%/threads.c %D%/threads.h \
	%D%/timed_call.c %D%/timed_call.h \
	%D%/zero.c %D%/zero.h
