libplugin_la_SOURCES += \
	%D%/adopt.c \
	%D%/allow.c \
	%D%/clean.c \
	%D%/commands.h \
	%D%/compare.c \
	%D%/doctor.c \
	%D%/doctor_ask.c %D%/doctor_ask.h \
	%D%/index.c \
	%D%/may_start.c \
	%D%/migrate.c \
	%D%/push.c \
	%D%/reclaim.c \
	%D%/rsh.c %D%/rsh.h \
	%D%/sandbox_check.c \
	%D%/scan.c \
	%D%/serve.c \
	%D%/status.c \
	%D%/util.c %D%/util.h \
	%D%/verify.c
