libplugin_la_SOURCES += \
	%D%/configuration.c %D%/configuration.h \
	%D%/host_secret.c %D%/host_secret.h \
	%D%/keyring.c %D%/keyring.h \
	%D%/moved.c %D%/moved.h \
	%D%/record.c %D%/record.h \
	%D%/record_file.c %D%/record_file.h \
	%D%/secret.c %D%/secret.h \
	%D%/unfinished.c %D%/unfinished.h
