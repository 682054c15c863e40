# SPDX-License-Identifier: Apache-2.0
# Measurements, not tests: `make bench` builds and runs them.
EXTRA_PROGRAMS = $(bench_programs)
bench_programs = bench/bench_file

bench_bench_file_SOURCES = bench/bench_file.c
bench_bench_file_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
bench_bench_file_LDADD = $(CRYPTO_LIBS) -ldl -lpthread

.PHONY: bench
bench: $(bench_programs) pkcs11/devid-pkcs11.la
	for program in $(bench_programs); do DEVID_PKCS11_MODULE=$(abs_builddir)/pkcs11/.libs/devid-pkcs11.so ./$$program || exit 1; done
CLEANFILES += $(bench_programs)
