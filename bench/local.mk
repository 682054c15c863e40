# SPDX-License-Identifier: Apache-2.0
# Measurements, not tests: `make bench` builds and runs them.
bench_programs = bench/bench_file bench/bench_find bench/bench_load bench/bench_secret bench/bench_tpm \
	bench/bench_handshake bench/bench_provider
EXTRA_PROGRAMS = $(bench_programs) bench/measure

bench_bench_file_SOURCES = bench/bench_file.c
bench_bench_file_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
bench_bench_file_LDADD = $(CRYPTO_LIBS) -ldl -lpthread
bench_bench_find_LDADD = -ldl
bench_bench_load_LDADD = -ldl
bench_bench_secret_SOURCES = bench/bench_secret.c
bench_bench_secret_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
bench_bench_secret_LDADD = $(CRYPTO_LIBS) -ldl
bench_bench_tpm_SOURCES = bench/bench_tpm.c bench/bench.c bench/bench.h bench/floor.c bench/floor.h
bench_bench_tpm_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS) $(TSS2_CFLAGS)
bench_bench_tpm_LDADD = $(CRYPTO_LIBS) $(TSS2_LIBS) -ldl
bench_crypto_sources = bench/crypto.c bench/crypto.h bench/bench.c bench/bench.h
bench_bench_handshake_SOURCES = bench/bench_handshake.c $(bench_crypto_sources) bench/floor.c bench/floor.h
bench_bench_handshake_CPPFLAGS = $(AM_CPPFLAGS) $(SSL_CFLAGS) $(CRYPTO_CFLAGS) $(TSS2_CFLAGS)
bench_bench_handshake_LDADD = $(SSL_LIBS) $(CRYPTO_LIBS) $(TSS2_LIBS) -ldl
bench_bench_provider_SOURCES = bench/bench_provider.c $(bench_crypto_sources)
bench_bench_provider_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
bench_bench_provider_LDADD = $(CRYPTO_LIBS) -ldl

.PHONY: bench
bench: all $(bench_programs) bench/measure tests/support/tcti_count.la
	for program in $(bench_programs); do \
		DEVID_PKCS11_MODULE=$(abs_builddir)/pkcs11/.libs/devid-pkcs11.so \
		DEVID_BENCH_PROVIDER=$(abs_builddir)/provider/.libs/devid.so \
		DEVID_BENCH_COUNTER=$(abs_builddir)/tests/support/.libs/tcti_count.so ./$$program || exit 1; done
	$(srcdir)/bench/bench_provision.sh $(abs_builddir)
EXTRA_DIST += bench/bench_provision.sh
CLEANFILES += $(bench_programs) bench/measure
