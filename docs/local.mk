# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += docs/man/devid.1
EXTRA_DIST += docs/architecture.md
