# SPDX-License-Identifier: Apache-2.0
# libdevid-dps: the DPS client library. What is shipped is libcore plus the export list; tests link libcore.
noinst_LTLIBRARIES += dps/libcore.la
dps_libcore_la_SOURCES = \
	dps/attest.h \
	dps/attest_x509.c \
	dps/client.c dps/client.h \
	dps/clock.c dps/clock.h \
	dps/exchange.c dps/exchange.h \
	dps/http.c dps/http.h \
	dps/hub.c \
	dps/message.c dps/message.h \
	dps/provider.c dps/provider.h \
	dps/refusal.c dps/refusal.h \
	dps/register.c \
	dps/registration.c dps/registration.h \
	dps/report.c dps/report.h \
	dps/retry.c dps/retry.h \
	dps/source.c dps/source.h \
	dps/status.c \
	dps/tls.c dps/tls.h \
	dps/url.c dps/url.h
dps_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(SSL_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS)

lib_LTLIBRARIES += dps/libdevid-dps.la
dps_libdevid_dps_la_SOURCES =
dps_libdevid_dps_la_LIBADD = \
	dps/libcore.la \
	common/libcommon.la \
	$(CURL_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(JANSSON_LIBS) -lpthread
dps_libdevid_dps_la_LDFLAGS = -version-info 0:0:0 -Wl,--version-script=$(srcdir)/dps/dps.map $(AM_LDFLAGS)
EXTRA_dps_libdevid_dps_la_DEPENDENCIES = $(srcdir)/dps/dps.map

devidincludedir = $(includedir)/devid
devidinclude_HEADERS = include/devid/dps.h include/devid/pkcs11.h
pkgconfig_DATA = dps/devid-dps.pc
EXTRA_DIST += dps/dps.map
