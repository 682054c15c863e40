# SPDX-License-Identifier: Apache-2.0
if ENABLE_EMULATOR
noinst_LTLIBRARIES += emulator/libcore.la
emulator_libcore_la_SOURCES = \
	emulator/admin_api.c emulator/admin_api.h \
	emulator/allocate.c emulator/allocate.h \
	emulator/attest.c emulator/attest.h \
	emulator/attest_symmetric.c \
	emulator/attest_tpm.c \
	emulator/attest_x509.c \
	emulator/ca.c emulator/ca.h \
	emulator/certificate.c emulator/certificate.h \
	emulator/chain.c emulator/chain.h \
	emulator/check.c emulator/check.h \
	emulator/command.c emulator/command.h \
	emulator/credential.c emulator/credential.h \
	emulator/device.c emulator/device.h \
	emulator/device_api.c emulator/device_api.h \
	emulator/emulator.h \
	emulator/enrollment.c emulator/enrollment.h \
	emulator/enrollment_change.c emulator/enrollment_change.h \
	emulator/error.c emulator/error.h \
	emulator/fault.c emulator/fault.h \
	emulator/http.c emulator/http.h \
	emulator/hub_api.c emulator/hub_api.h \
	emulator/hub_commands.c \
	emulator/hub_owner.c emulator/hub_owner.h \
	emulator/issue.c emulator/issue.h \
	emulator/messages.c emulator/messages.h \
	emulator/options.c emulator/options.h \
	emulator/property.c emulator/property.h \
	emulator/registration.c emulator/registration.h \
	emulator/request.c emulator/request.h \
	emulator/route.c emulator/route.h \
	emulator/sas.c emulator/sas.h \
	emulator/sas_check.c emulator/sas_check.h \
	emulator/service_api.c emulator/service_api.h \
	emulator/service_auth.c emulator/service_auth.h \
	emulator/service_bulk.c \
	emulator/service_query.c \
	emulator/socket.c emulator/socket.h \
	emulator/state.c emulator/state.h \
	emulator/store.c emulator/store.h \
	emulator/text.c emulator/text.h \
	emulator/tpm_crypto.c emulator/tpm_crypto.h \
	emulator/tpm_public.c emulator/tpm_public.h
emulator_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) \
	$(MICROHTTPD_CFLAGS) $(GNUTLS_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
emulator_libraries = $(MICROHTTPD_LIBS) $(GNUTLS_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS)

bin_PROGRAMS += emulator/devid-emulator
emulator_devid_emulator_SOURCES = emulator/main.c
emulator_devid_emulator_LDADD = emulator/libcore.la common/libcommon.la $(emulator_libraries) -lpthread
dist_man_MANS += docs/man/devid-emulator.1
endif
