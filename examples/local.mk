# SPDX-License-Identifier: Apache-2.0
# What users copy: scripts, a configuration. See examples/README.md.
EXTRA_DIST += \
	examples/README.md \
	examples/demo.sh \
	examples/edge-tpm.sh \
	examples/enroll-x509.sh \
	examples/openssl.cnf \
	examples/quickstart.sh \
	examples/register_symmetric.c \
	examples/register_tpm.c \
	examples/register_x509.c \
	examples/setup.sh \
	examples/simulated-tpm.sh \
	examples/symmetric-key.sh \
	examples/x509-scale.sh
