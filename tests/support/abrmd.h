/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_ABRMD_H
#define DEVID_TESTS_SUPPORT_ABRMD_H

/*
 * tpm2-abrmd in front of the program's own swtpm, on a message bus of its own: several processes may use the
 * TPM at once. test_abrmd_start sets $DBUS_SESSION_BUS_ADDRESS and points $DEVID_TCTI at it, with the
 * commands counted on this side of it (tests/support/tpm.h). All ends with the program; calling it again
 * starts what was stopped.
 *
 * GLib, which the TCTI uses, does not live through a fork. Use it as an unchecked fixture, and leave the TPM
 * alone there once it is started: make tokens before.
 */
void test_abrmd_start(void);

/* Ends the resource manager, not the bus and not the TPM; test_abrmd_start brings it back. */
void test_abrmd_stop(void);

#endif
