# SPDX-License-Identifier: Apache-2.0
# Unit tests: tests/PATH/test_X.c is the program for PATH/X.c; a new one is one word in the list of its layer.
# Stories: tests/story/NAME.sh, one user story each. All of them speak TAP.

common_tests = \
	tests/common/test_buffer \
	tests/common/test_bytes \
	tests/common/test_file \
	tests/common/test_settings

pkcs11_tests = \
	tests/pkcs11/file/test_backend \
	tests/pkcs11/file/test_decrypt \
	tests/pkcs11/file/test_import \
	tests/pkcs11/file/test_sign \
	tests/pkcs11/file/test_threads \
	tests/pkcs11/soft/test_pkcs8

provider_tests =

dps_tests = \
	tests/dps/test_client \
	tests/dps/test_http \
	tests/dps/test_hub \
	tests/dps/test_message \
	tests/dps/test_register \
	tests/dps/test_retry \
	tests/dps/test_tls \
	tests/dps/test_url

emulator_tests =

cli_tests =

story_tests = \
	tests/story/file_token.sh \
	tests/story/openssl_tpm.sh \
	tests/story/pkcs11_tools.sh

rule_tests = \
	tests/layers.sh \
	tests/exports.sh

if ENABLE_TESTS
check_LTLIBRARIES += tests/support/libsupport.la tests/support/tcti_count.la
tests_support_libsupport_la_SOURCES = \
	tests/support/dps_fixture.c tests/support/dps_fixture.h \
	tests/support/dps_server.c tests/support/dps_server.h \
	tests/support/filetoken.c tests/support/filetoken.h \
	tests/support/main.c \
	tests/support/support.c tests/support/support.h \
	tests/support/tpm.c tests/support/tpm.h \
	tests/support/tcti_count.h
tests_support_libsupport_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

# A TCTI around any other, see tests/support/tcti_count.h.
tests_support_tcti_count_la_SOURCES = tests/support/tcti_count.c tests/support/tcti_count.h
tests_support_tcti_count_la_CPPFLAGS = $(AM_CPPFLAGS) $(TSS2_CFLAGS)
tests_support_tcti_count_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere $(AM_LDFLAGS)
tests_support_tcti_count_la_LIBADD = $(TSS2_LIBS)

unit_tests = $(common_tests) $(pkcs11_tests) $(provider_tests) $(dps_tests) $(cli_tests)
if ENABLE_EMULATOR
unit_tests += $(emulator_tests)
endif

check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests) $(story_tests) $(rule_tests)
AM_CPPFLAGS += $(CHECK_CFLAGS)

# What every test program is linked with: the support, and all layers as convenience libraries.
LDADD = tests/support/libsupport.la \
	$(layer_libraries) \
	common/libcommon.la \
	$(TSS2_LIBS) $(P11KIT_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(CHECK_LIBS) -ldl -lpthread
layer_libraries = dps/libcore.la pkcs11/libcore.la
endif

EXTRA_DIST += $(story_tests) $(rule_tests) tests/support/run tests/story/lib.sh tests/check.sh tests/ci.sh

AM_TESTS_ENVIRONMENT = \
	DEVID_TEST_SOURCE='$(abs_top_srcdir)'; export DEVID_TEST_SOURCE; \
	DEVID_TEST_BUILD='$(abs_top_builddir)'; export DEVID_TEST_BUILD; \
	DEVID_TEST_ASAN='$(TEST_ASAN)'; export DEVID_TEST_ASAN;
if ENABLE_ASAN
TEST_ASAN = yes
endif
TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/support/run
SH_LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/support/run
