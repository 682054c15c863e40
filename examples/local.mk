# SPDX-License-Identifier: Apache-2.0
# What users copy: scripts, a configuration. See examples/README.md.
EXTRA_DIST += \
	examples/README.md \
	examples/enroll-x509.sh \
	examples/openssl.cnf \
	examples/quickstart.sh \
	examples/setup.sh
