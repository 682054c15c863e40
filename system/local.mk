# SPDX-License-Identifier: Apache-2.0
# What systemd and udev read: a service that registers the device, and who may use the TPM.
unitdir = $(systemdunitdir)
unit_DATA = system/devid-provision.service
system/devid-provision.service: $(srcdir)/system/devid-provision.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) system && sed -e 's|@programdir@|$(bindir)|; s|@confdir@|$(sysconfdir)/devid|; s|@statedir@|$(localstatedir)/lib/devid|' \
		$(srcdir)/system/devid-provision.service.in >$@
udevrulesdir = $(udevdir)
dist_udevrules_DATA = system/60-devid-tpm.rules
CLEANFILES += system/devid-provision.service
EXTRA_DIST += system/devid-provision.service.in
