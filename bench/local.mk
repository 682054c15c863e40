# SPDX-License-Identifier: Apache-2.0
# Measurements, not tests: `make bench` builds and runs them.
bench_programs = bench/bench_find
EXTRA_PROGRAMS = $(bench_programs)
CLEANFILES += $(bench_programs)

bench_bench_find_LDADD = -ldl

bench: all $(bench_programs)
	bench/bench_find pkcs11/.libs/devid-pkcs11.so
.PHONY: bench
