# SPDX-License-Identifier: Apache-2.0
# libdevid-dps: the DPS client library. What is shipped is libcore plus the export list; tests link libcore.
noinst_LTLIBRARIES += dps/libcore.la
dps_libcore_la_SOURCES = \
	dps/attest.h \
	dps/attest_symmetric.c \
	dps/attest_tpm.c \
	dps/attest_x509.c \
	dps/authorize.c \
	dps/base64.c dps/base64.h \
	dps/batch.c dps/batch.h \
	dps/certificate.c dps/certificate.h \
	dps/client.c dps/client.h \
	dps/clock.c dps/clock.h \
	dps/credentials.c \
	dps/crypto.c dps/crypto.h \
	dps/exchange.c dps/exchange.h \
	dps/http.c dps/http.h \
	dps/hub.c dps/hub.h \
	dps/key.c dps/key.h \
	dps/message.c dps/message.h \
	dps/provider.c dps/provider.h \
	dps/provision.c dps/provision.h \
	dps/receive.c \
	dps/record.c dps/record.h \
	dps/refusal.c dps/refusal.h \
	dps/register.c dps/register.h \
	dps/registration.c dps/registration.h \
	dps/report.c dps/report.h \
	dps/request.c dps/request.h \
	dps/retry.c dps/retry.h \
	dps/sas.c dps/sas.h \
	dps/send.c \
	dps/settings.c \
	dps/source.c dps/source.h \
	dps/status.c \
	dps/tls.c dps/tls.h \
	dps/tlsload.c dps/tlsload.h \
	dps/token.c dps/token.h \
	dps/url.c dps/url.h
dps_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(SSL_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS)

lib_LTLIBRARIES += dps/libdevid-dps.la
dps_libdevid_dps_la_SOURCES =
dps_libdevid_dps_la_LIBADD = \
	dps/libcore.la \
	common/libcommon.la \
	$(CURL_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(JANSSON_LIBS) $(P11KIT_LIBS) -ldl -lpthread
dps_libdevid_dps_la_LDFLAGS = -version-info 0:0:0 -Wl,--version-script=$(srcdir)/dps/dps.map $(AM_LDFLAGS)
EXTRA_dps_libdevid_dps_la_DEPENDENCIES = $(srcdir)/dps/dps.map

devidincludedir = $(includedir)/devid
devidinclude_HEADERS = include/devid/dps.h include/devid/pkcs11.h
pkgconfig_DATA = dps/devid-dps.pc
EXTRA_DIST += dps/dps.map
