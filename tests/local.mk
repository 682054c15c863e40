# SPDX-License-Identifier: Apache-2.0
# Unit tests: tests/PATH/test_X.c is the program for PATH/X.c; a new one is one word in the list of its layer.
# Stories: tests/story/NAME.sh, one user story each. All of them speak TAP.

common_tests = \
	tests/common/test_buffer \
	tests/common/test_bytes \
	tests/common/test_file \
	tests/common/test_presentable \
	tests/common/test_rvname \
	tests/common/test_settings

pkcs11_tests = \
	tests/pkcs11/test_attribute \
	tests/pkcs11/test_aziot \
	tests/pkcs11/test_authenticate \
	tests/pkcs11/test_config \
	tests/pkcs11/test_crash \
	tests/pkcs11/test_crash_pin \
	tests/pkcs11/test_curve \
	tests/pkcs11/test_derive \
	tests/pkcs11/test_digest \
	tests/pkcs11/test_dual \
	tests/pkcs11/test_entry \
	tests/pkcs11/test_failure \
	tests/pkcs11/test_faults \
	tests/pkcs11/test_handle \
	tests/pkcs11/test_hostile \
	tests/pkcs11/test_index \
	tests/pkcs11/test_keyfile \
	tests/pkcs11/test_mechanism \
	tests/pkcs11/test_modify \
	tests/pkcs11/test_operation \
	tests/pkcs11/test_nested \
	tests/pkcs11/test_newtoken \
	tests/pkcs11/test_pin \
	tests/pkcs11/test_pinfile \
	tests/pkcs11/test_processes \
	tests/pkcs11/test_random \
	tests/pkcs11/test_pinsource \
	tests/pkcs11/test_race \
	tests/pkcs11/test_publickey \
	tests/pkcs11/test_publicobject \
	tests/pkcs11/test_store \
	tests/pkcs11/test_stream \
	tests/pkcs11/test_template \
	tests/pkcs11/test_find \
	tests/pkcs11/test_general \
	tests/pkcs11/test_fork \
	tests/pkcs11/test_generate \
	tests/pkcs11/test_inittoken \
	tests/pkcs11/test_login \
	tests/pkcs11/test_object \
	tests/pkcs11/test_secret \
	tests/pkcs11/test_secretkey \
	tests/pkcs11/test_secretparameters \
	tests/pkcs11/test_secrettype \
	tests/pkcs11/test_session \
	tests/pkcs11/test_sign \
	tests/pkcs11/test_slot \
	tests/pkcs11/test_threads \
	tests/pkcs11/test_tokenconf \
	tests/pkcs11/test_verify \
	tests/pkcs11/test_wrap \
	tests/pkcs11/test_wrap_cbc \
	tests/pkcs11/soft/test_aes \
	tests/pkcs11/soft/test_hash \
	tests/pkcs11/soft/test_hmac \
	tests/pkcs11/soft/test_hkdf \
	tests/pkcs11/soft/test_kdf \
	tests/pkcs11/soft/test_key \
	tests/pkcs11/soft/test_keywrap \
	tests/pkcs11/soft/test_memory \
	tests/pkcs11/soft/test_pbes2 \
	tests/pkcs11/soft/test_pkcs8 \
	tests/pkcs11/soft/test_privatederive \
	tests/pkcs11/soft/test_rsa \
	tests/pkcs11/soft/test_sealedbox \
	tests/pkcs11/soft/test_tsskey \
	tests/pkcs11/soft/test_x509 \
	tests/pkcs11/file/test_backend \
	tests/pkcs11/file/test_decrypt \
	tests/pkcs11/file/test_import \
	tests/pkcs11/file/test_seal \
	tests/pkcs11/file/test_sign \
	tests/pkcs11/file/test_threads \
	tests/pkcs11/tpm/test_athandle \
	tests/pkcs11/tpm/test_auth \
	tests/pkcs11/tpm/test_authorize \
	tests/pkcs11/tpm/test_backend \
	tests/pkcs11/tpm/test_budget \
	tests/pkcs11/tpm/test_capability \
	tests/pkcs11/tpm/test_command \
	tests/pkcs11/tpm/test_credential \
	tests/pkcs11/tpm/test_endorsement \
	tests/pkcs11/tpm/test_hierarchy \
	tests/pkcs11/tpm/test_cipher \
	tests/pkcs11/tpm/test_decrypt \
	tests/pkcs11/tpm/test_derive \
	tests/pkcs11/tpm/test_hmac \
	tests/pkcs11/tpm/test_derivekey \
	tests/pkcs11/tpm/test_import \
	tests/pkcs11/tpm/test_keeper \
	tests/pkcs11/tpm/test_loaded \
	tests/pkcs11/tpm/test_ownauth \
	tests/pkcs11/tpm/test_policy \
	tests/pkcs11/tpm/test_primary \
	tests/pkcs11/tpm/test_public \
	tests/pkcs11/tpm/test_random \
	tests/pkcs11/tpm/test_rc \
	tests/pkcs11/tpm/test_sealed \
	tests/pkcs11/tpm/test_stay \
	tests/pkcs11/tpm/test_tss2key \
	tests/pkcs11/tpm/test_session \
	tests/pkcs11/tpm/test_sharing

# Each runs as a libFuzzer target too, see tests/fuzz/fuzz.h.
fuzz_tests = \
	tests/fuzz/fuzz_config \
	tests/fuzz/fuzz_connection \
	tests/fuzz/fuzz_base64 \
	tests/fuzz/fuzz_credential \
	tests/fuzz/fuzz_keyfile \
	tests/fuzz/fuzz_message \
	tests/fuzz/fuzz_option \
	tests/fuzz/fuzz_pbes2 \
	tests/fuzz/fuzz_pem \
	tests/fuzz/fuzz_template \
	tests/fuzz/fuzz_pkcs8 \
	tests/fuzz/fuzz_pinfile \
	tests/fuzz/fuzz_record \
	tests/fuzz/fuzz_tokenconf \
	tests/fuzz/fuzz_tsskey \
	tests/fuzz/fuzz_uri

fuzz_data = \
	tests/data/fuzz/config/conf \
	tests/data/fuzz/config/toml \
	tests/data/fuzz/config/yaml \
	tests/data/fuzz/connection/device \
	tests/data/fuzz/connection/service \
	tests/data/fuzz/judge/fault \
	tests/data/fuzz/judge/key \
	tests/data/fuzz/judge/token \
	tests/data/fuzz/base64/key \
	tests/data/fuzz/base64/request \
	tests/data/fuzz/credential/empty \
	tests/data/fuzz/credential/policy \
	tests/data/fuzz/keyfile/chain \
	tests/data/fuzz/keyfile/ec \
	tests/data/fuzz/keyfile/lines \
	tests/data/fuzz/keyfile/rsa \
	tests/data/fuzz/keyfile/secret \
	tests/data/fuzz/message/assigned \
	tests/data/fuzz/message/assigning \
	tests/data/fuzz/message/error \
	tests/data/fuzz/message/challenge \
	tests/data/fuzz/message/failed \
	tests/data/fuzz/message/issued \
	tests/data/fuzz/message/lookup \
	tests/data/fuzz/option/description \
	tests/data/fuzz/option/numbered \
	tests/data/fuzz/option/right \
	tests/data/fuzz/option/sources \
	tests/data/fuzz/pbes2/openssl \
	tests/data/fuzz/pbes2/own \
	tests/data/fuzz/pem/bundle \
	tests/data/fuzz/pem/uri \
	tests/data/fuzz/template/data \
	tests/data/fuzz/template/keys \
	tests/data/fuzz/pkcs8/ec \
	tests/data/fuzz/pkcs8/rsa \
	tests/data/fuzz/pkcs8/sec1 \
	tests/data/fuzz/pkcs8/x25519 \
	tests/data/fuzz/pinfile/file \
	tests/data/fuzz/pinfile/tpm \
	tests/data/fuzz/record/assigned \
	tests/data/fuzz/record/small \
	tests/data/fuzz/tokenconf/owner \
	tests/data/fuzz/tokenconf/tpm \
	tests/data/fuzz/tsskey/ec \
	tests/data/fuzz/tsskey/policy \
	tests/data/fuzz/tsskey/rsa \
	tests/data/fuzz/tsskey/signed-policy \
	tests/data/fuzz/uri/endpoint \
	tests/data/fuzz/uri/ipv6 \
	tests/data/fuzz/uri/key \
	tests/data/fuzz/uri/pin

provider_tests = \
	tests/provider/test_as_tpm2 \
	tests/provider/test_asymcipher_rsa \
	tests/provider/test_attempt \
	tests/provider/test_config \
	tests/provider/test_curve25519 \
	tests/provider/test_crowd \
	tests/provider/test_decoder_tss2 \
	tests/provider/test_decoder_uri \
	tests/provider/test_encoder_tss2 \
	tests/provider/test_generate \
	tests/provider/test_guard \
	tests/provider/test_ending \
	tests/provider/test_handle \
	tests/provider/test_instances \
	tests/provider/test_keyexch \
	tests/provider/test_keymgmt \
	tests/provider/test_locate \
	tests/provider/test_memory \
	tests/provider/test_module \
	tests/provider/test_pem \
	tests/provider/test_login \
	tests/provider/test_pinsource \
	tests/provider/test_provider \
	tests/provider/test_pss \
	tests/provider/test_questions \
	tests/provider/test_recovery \
	tests/provider/test_rand \
	tests/provider/test_request \
	tests/provider/test_session \
	tests/provider/test_signature \
	tests/provider/test_signature_hmac \
	tests/provider/test_store \
	tests/provider/test_terminal \
	tests/provider/test_threads \
	tests/provider/test_tls \
	tests/provider/test_tokens \
	tests/provider/test_uri

dps_tests = \
	tests/dps/test_attest \
	tests/dps/test_attest_symmetric \
	tests/dps/test_attest_tpm \
	tests/dps/test_attest_x509 \
	tests/dps/test_base64 \
	tests/dps/test_certificate \
	tests/dps/test_client \
	tests/dps/test_commands \
	tests/dps/test_faults \
	tests/dps/test_http \
	tests/dps/test_hub \
	tests/dps/test_message \
	tests/dps/test_provider \
	tests/dps/test_provision \
	tests/dps/test_proxy \
	tests/dps/test_receive \
	tests/dps/test_record \
	tests/dps/test_register \
	tests/dps/test_retry \
	tests/dps/test_sas \
	tests/dps/test_source \
	tests/dps/test_tls \
	tests/dps/test_token \
	tests/dps/test_url

emulator_tests = \
	tests/emulator/test_allocate \
	tests/emulator/test_attest_symmetric \
	tests/emulator/test_attest_tpm \
	tests/emulator/test_attest_x509 \
	tests/emulator/test_ca \
	tests/emulator/test_command \
	tests/emulator/test_credential \
	tests/emulator/test_device_api \
	tests/emulator/test_fault \
	tests/emulator/test_http \
	tests/emulator/test_hub_api \
	tests/emulator/test_hub_owner \
	tests/emulator/test_issue \
	tests/emulator/test_options \
	tests/emulator/test_route \
	tests/emulator/test_sas \
	tests/emulator/test_service_api \
	tests/emulator/test_state \
	tests/emulator/test_store \
	tests/emulator/test_tpm_public

cli_tests = \
	tests/cli/test_config \
	tests/cli/test_connection \
	tests/cli/test_enrollment \
	tests/cli/test_options \
	tests/cli/test_provision_config \
	tests/cli/test_receive \
	tests/cli/test_sas \
	tests/cli/test_service \
	tests/cli/test_output \
	tests/cli/test_state \
	tests/cli/test_subject \
	tests/cli/test_toml \
	tests/cli/test_uri \
	tests/cli/test_uripem \
	tests/cli/test_yaml

story_tests = \
	tests/story/any_module.sh \
	tests/story/app_apache.sh \
	tests/story/app_curl.sh \
	tests/story/app_eap.sh \
	tests/story/app_gateways.sh \
	tests/story/app_gnutls.sh \
	tests/story/app_mosquitto.sh \
	tests/story/app_nginx.sh \
	tests/story/app_node.sh \
	tests/story/app_nss.sh \
	tests/story/app_openssl.sh \
	tests/story/app_openvpn.sh \
	tests/story/app_python.sh \
	tests/story/app_ssh.sh \
	tests/story/app_stunnel.sh \
	tests/story/cli_softhsm.sh \
	tests/story/file_pin.sh \
	tests/story/file_token.sh \
	tests/story/generate_keys.sh \
	tests/story/openssl_tpm.sh \
	tests/story/other_modules.sh \
	tests/story/pin_sources.sh \
	tests/story/pkcs11_keys.sh \
	tests/story/pkcs11_clients.sh \
	tests/story/pkcs11_pin.sh \
	tests/story/pkcs11_tools.sh \
	tests/story/provider_softhsm.sh \
	tests/story/service.sh \
	tests/story/tpm_objects.sh \
	tests/story/tss2_file.sh \
	tests/story/wrap_derive.sh \
	tests/story/wrong_configuration.sh
emulator_story_tests = \
	tests/story/bad_input.sh \
	tests/story/check.sh \
	tests/story/edge.sh \
	tests/story/edge_tpm.sh \
	tests/story/emulator.sh \
	tests/story/end_to_end.sh \
	tests/story/endings.sh \
	tests/story/examples.sh \
	tests/story/enrollments.sh \
	tests/story/judge.sh \
	tests/story/memory.sh \
	tests/story/symmetric_key.sh \
	tests/story/tpm_attestation.sh

rule_tests = \
	tests/layers.sh \
	tests/exports.sh

if ENABLE_TESTS
check_LTLIBRARIES += tests/support/libsupport.la tests/support/tcti_count.la tests/support/fake_tpm.la
tests_support_libsupport_la_SOURCES = \
	tests/support/abrmd.c tests/support/abrmd.h \
	tests/support/credential.c tests/support/credential.h \
	tests/support/dps_fixture.c tests/support/dps_fixture.h \
	tests/support/dps_server.c tests/support/dps_server.h \
	tests/support/filetoken.c tests/support/filetoken.h \
	tests/support/main.c \
	tests/support/support.c tests/support/support.h \
	tests/support/tpm.c tests/support/tpm.h \
	tests/support/tpmtoken.c tests/support/tpmtoken.h \
	tests/support/module.c tests/support/module.h \
	tests/support/tcti_count.h
tests_support_libsupport_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

# Only where they are asked for: functions in the place of the C library's, see tests/support/trap.h.
trap_sources = tests/support/trap.c tests/support/trap.h
tests_pkcs11_test_crash_SOURCES = tests/pkcs11/test_crash.c $(trap_sources)
tests_pkcs11_test_crash_pin_SOURCES = tests/pkcs11/test_crash_pin.c $(trap_sources)

# A token of SoftHSM for the provider's tests, and a module around any other, see tests/support/p11_spy.h.
check_LTLIBRARIES += tests/support/p11_spy.la
tests_support_libsupport_la_SOURCES += \
	tests/provider/fake_core.h \
	tests/provider/orders.h \
	tests/pkcs11/wrap_fixture.h \
	tests/provider/tss2_fixture.h \
	tests/support/p11_spy.h \
	tests/support/softhsm.c tests/support/softhsm.h
tests_support_p11_spy_la_SOURCES = tests/support/p11_spy.c tests/support/p11_spy.h
tests_support_p11_spy_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere $(AM_LDFLAGS)
tests_support_p11_spy_la_LIBADD = $(CRYPTO_LIBS) -ldl

# A module with a TPM that is none, see tests/support/fake_tpm.h.
tests_support_libsupport_la_SOURCES += tests/support/fake_tpm.h
tests_support_fake_tpm_la_SOURCES = tests/support/fake_tpm.c tests/support/fake_tpm.h
tests_support_fake_tpm_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere $(AM_LDFLAGS)
tests_support_fake_tpm_la_LIBADD = $(CRYPTO_LIBS)

# A TCTI around any other, see tests/support/tcti_count.h. Programs of the system load it too: no sanitizer is in it.
tests_support_tcti_count_la_SOURCES = tests/support/tcti_count.c tests/support/tcti_count.h
tests_support_tcti_count_la_CPPFLAGS = $(AM_CPPFLAGS) $(TSS2_CFLAGS)
tests_support_tcti_count_la_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all
tests_support_tcti_count_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere $(AM_LDFLAGS) \
	-Wc,-fno-sanitize=all
tests_support_tcti_count_la_LIBADD = $(TSS2_LIBS)

unit_tests = $(common_tests) $(pkcs11_tests) $(provider_tests) $(dps_tests) $(cli_tests)
if ENABLE_EMULATOR
unit_tests += $(emulator_tests)
TESTS += $(emulator_story_tests)
tests_fuzz_fuzz_judge_SOURCES = tests/fuzz/fuzz_judge.c tests/fuzz/main.c tests/fuzz/fuzz.h
check_PROGRAMS += tests/fuzz/fuzz_judge
TESTS += tests/fuzz/fuzz_judge
endif

tests_fuzz_fuzz_base64_SOURCES = tests/fuzz/fuzz_base64.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_credential_SOURCES = tests/fuzz/fuzz_credential.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_connection_SOURCES = tests/fuzz/fuzz_connection.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_keyfile_SOURCES = tests/fuzz/fuzz_keyfile.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz_message.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_option_SOURCES = tests/fuzz/fuzz_option.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_pbes2_SOURCES = tests/fuzz/fuzz_pbes2.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_pem_SOURCES = tests/fuzz/fuzz_pem.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_template_SOURCES = tests/fuzz/fuzz_template.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_pkcs8_SOURCES = tests/fuzz/fuzz_pkcs8.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_pinfile_SOURCES = tests/fuzz/fuzz_pinfile.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_record_SOURCES = tests/fuzz/fuzz_record.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_tokenconf_SOURCES = tests/fuzz/fuzz_tokenconf.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_tsskey_SOURCES = tests/fuzz/fuzz_tsskey.c tests/fuzz/main.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_uri_SOURCES = tests/fuzz/fuzz_uri.c tests/fuzz/main.c tests/fuzz/fuzz.h

# What test_ending runs: a program as others are, with nothing of ours linked in.
check_PROGRAMS += tests/provider/ending
tests_provider_ending_SOURCES = tests/provider/ending.c
tests_provider_ending_LDADD = $(CRYPTO_LIBS) -lpthread

check_PROGRAMS += $(unit_tests) $(fuzz_tests)
# A program of somebody else's that knows nothing of ours, for a story.
check_PROGRAMS += tests/story/curl_ssl_ctx
tests_story_curl_ssl_ctx_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(SSL_CFLAGS)
tests_story_curl_ssl_ctx_LDADD = $(CURL_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS)
TESTS += $(unit_tests) $(fuzz_tests) $(story_tests) $(rule_tests)
AM_CPPFLAGS += $(CHECK_CFLAGS)

# What every test program is linked with: the support, and all layers as convenience libraries.
LDADD = $(fixture_libraries) tests/support/libsupport.la \
	$(layer_libraries) \
	common/libcommon.la \
	$(TSS2_LIBS) $(P11KIT_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(CHECK_LIBS) -ldl -lpthread
# Sessions made by tpm2-tss's ESYS stand beside ours.
tests_pkcs11_tpm_test_session_LDADD = $(LDADD) $(TSS2_ESYS_LIBS)
layer_libraries = cli/libcore.la dps/libcore.la provider/libcore.la pkcs11/libcore.la
fixture_libraries =

if ENABLE_EMULATOR
check_LTLIBRARIES += tests/emulator/libfixture.la
tests_emulator_libfixture_la_SOURCES = tests/emulator/fixture.c tests/emulator/fixture.h
fixture_libraries += tests/emulator/libfixture.la
layer_libraries += emulator/libcore.la
LDADD += $(emulator_libraries)
endif
endif

EXTRA_DIST += $(fuzz_data) $(story_tests) $(emulator_story_tests) $(rule_tests) tests/cli/capture.h tests/support/run \
	tests/story/lib.sh tests/story/apps.sh tests/story/handshakes.py tests/story/handshakes.js tests/story/cloud.sh tests/story/reply.py tests/check.sh tests/ci.sh tests/fuzz.sh tests/tsan.sh tests/tsan.supp tests/lsan.supp

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

# Longer than `make check`: the full counts of the tests that do less there, and the fuzzers with libFuzzer.
.PHONY: check-long fuzz
check-long: all
	DEVID_TEST_LONG=yes $(MAKE) $(AM_MAKEFLAGS) check \
		TESTS='tests/pkcs11/test_threads tests/pkcs11/test_processes tests/pkcs11/file/test_threads'
FUZZ_SECONDS = 60
fuzz:
	$(top_srcdir)/tests/fuzz.sh --build $(abs_builddir)/fuzz $(FUZZ_SECONDS) $(fuzz_tests)
