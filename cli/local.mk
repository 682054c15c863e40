# SPDX-License-Identifier: Apache-2.0
# devid, the command: a table of sub-commands in main.c, one file each; the rest is what they share.
noinst_LTLIBRARIES += cli/libcore.la
cli_libcore_la_SOURCES = \
	cli/command.h \
	cli/token.c cli/tpm.c cli/tpminfo.c cli/key.c cli/persist.c cli/csr.c cli/cert.c cli/provision.c cli/provision_config.c cli/provision_config.h \
	cli/send.c cli/receive.c cli/assignment.c cli/signature.c \
	cli/check.c cli/check.h cli/checkenrollment.c cli/checkmatch.c cli/checknet.c cli/checksystem.c cli/checktoken.c \
	cli/client.c cli/client.h \
	cli/config.c cli/config.h \
	cli/connection.c cli/connection.h \
	cli/crypto.c cli/crypto.h \
	cli/enrollment.c cli/enrollment.h cli/enrollment_body.c \
	cli/files.c cli/files.h \
	cli/identity.c cli/identity.h \
	cli/keypair.c cli/keypair.h \
	cli/keypem.c \
	cli/module.c cli/module.h \
	cli/object.c cli/object.h \
	cli/options.c cli/options.h \
	cli/output.c cli/output.h \
	cli/publickey.c \
	cli/registered.c cli/registered.h \
	cli/rv.c cli/rv.h \
	cli/sas.c cli/sas.h \
	cli/scan.c cli/scan.h \
	cli/service.c cli/service.h \
	cli/session.c cli/session.h \
	cli/slot.c cli/slot.h \
	cli/state.c cli/state.h \
	cli/status.c cli/status.h \
	cli/subject.c cli/subject.h \
	cli/tokenpin.c \
	cli/toml.c cli/toml.h \
	cli/uri.c cli/uri.h \
	cli/uripem.c cli/uripem.h \
	cli/yaml.c cli/yaml.h
cli_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS) $(CURL_CFLAGS)

bin_PROGRAMS += cli/devid
cli_devid_SOURCES = cli/main.c
cli_devid_LDADD = cli/libcore.la dps/libdevid-dps.la common/libcommon.la \
	$(CRYPTO_LIBS) $(P11KIT_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(CURL_LIBS) -ldl

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = cli/completion/devid
