/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_OPTIONS_H
#define DEVID_EMULATOR_OPTIONS_H

#include "common/bytes.h"

#define EMU_HUBS_MAXIMUM 50
#define EMU_FAULTS_MAXIMUM 50

/* The command line. Texts are those of argv. */
struct emu_options {
    const char *listen;
    uint16_t port;
    const char *state;    /* NULL: the default directory */
    const char *id_scope; /* NULL: the state's own */
    const char *hubs[EMU_HUBS_MAXIMUM];
    size_t hub_count;
    unsigned polls;
    unsigned retry_after;
    const char *log;
    bool messages;      /* print what arrived and leave */
    const char *device; /* of this device only, or NULL */
    long clock_offset;
    bool disabled_is_status;
    const char *faults[EMU_FAULTS_MAXIMUM]; /* JSON */
    size_t fault_count;
    const char *send_to; /* queue `text` for this device and leave */
    const char *text;
    const char *commands_of; /* print the queue of this device and leave */
    const char *forget;      /* remove this device from the own hub and leave */
    bool help;
    bool version;
};

extern const char emu_options_help[];

/* False: not understood; why is in message[size]. */
__attribute__((warn_unused_result)) bool emu_options_read(int count, char **arguments,
                                                          struct emu_options *out, char *message,
                                                          size_t size);

#endif
