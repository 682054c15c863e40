# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += \
	docs/man/devid.1 \
	docs/man/devid.conf.5 \
	docs/man/devid-dps.3
EXTRA_DIST += \
	docs/applications.md \
	docs/architecture.md \
	docs/decisions \
	docs/dps.md \
	docs/openssl.md \
	docs/performance.md \
	docs/pkcs11-vendor.md \
	docs/provider-keys.md \
	docs/store-format.md
