/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/options.h"

#include "emulator/emulator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char emu_options_help[] =
    "Usage: devid-emulator [OPTION]...\n"
    "       devid-emulator [--state DIR] --messages [DEVICE]\n"
    "A Device Provisioning Service and an IoT Hub on this machine, for trying and testing devices.\n"
    "\n"
    "  --listen ADDRESS   the address to serve on [127.0.0.1]\n"
    "  --port N           the port; 0 takes a free one [8443]\n"
    "  --state DIR        where everything is kept [$XDG_STATE_HOME/devid-emulator,\n"
    "                     else ~/.local/state/devid-emulator]\n"
    "  --id-scope S       the id scope, kept from then on [made at the first start]\n"
    "  --hub NAME         a hub to assign devices to; may be repeated [this server itself]\n"
    "  --polls N          how many polls of an operation answer `assigning' [1]\n"
    "  --retry-after S    the seconds that a device is told to wait before it polls [1]\n"
    "  --clock-offset S   the seconds that this service's clock is ahead of the machine's, or behind (-S) "
    "[0]\n"
    "  --disabled-as HOW  tell a disabled enrollment by an `error' (401) or by a `status' [error]\n"
    "  --fault JSON       a fault to inject, see devid-emulator(1); may be repeated\n"
    "  --log LEVEL        error, warning, info or debug, to standard error [warning]\n"
    "  --messages         print the messages that arrived, of DEVICE or of all devices,\n"
    "                     as lines of JSON, and exit; also while a server runs\n"
    "  --send DEVICE TEXT queue a message for a device of this server's own hub, and exit; also\n"
    "                     while a server runs\n"
    "  --commands DEVICE  print what became of the messages for that device, and exit\n"
    "  --forget DEVICE    remove a device from this server's own hub, as if it had never been there, and "
    "exit;\n"
    "                     also while a server runs\n"
    "  --help             show this text and exit\n"
    "  --version          show the version and exit\n"
    "\n"
    "When it serves, it says so with its address in one line on standard output, followed by the id scope "
    "and the\n"
    "files to use: ca.pem (the authority to trust) and connection-string (for the service API), both in "
    "DIR.\n"
    "SIGTERM and SIGINT end it.\n";

static bool read_number(const char *text, unsigned long maximum, unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out <= maximum;
}

static bool set_text(const char **where, const char *value)
{
    *where = value;
    return value[0] != '\0';
}

static bool set_unsigned(unsigned *where, const char *value, unsigned long maximum)
{
    unsigned long number;

    if (!read_number(value, maximum, &number))
        return false;
    *where = (unsigned)number;
    return true;
}

static bool set_listen(struct emu_options *options, const char *value)
{
    return set_text(&options->listen, value);
}

static bool set_port(struct emu_options *options, const char *value)
{
    unsigned port = 0;
    bool good = set_unsigned(&port, value, UINT16_MAX);

    options->port = (uint16_t)port;
    return good;
}

static bool set_state(struct emu_options *options, const char *value)
{
    return set_text(&options->state, value);
}

static bool set_id_scope(struct emu_options *options, const char *value)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    return set_text(&options->id_scope, value) && strlen(value) <= 64 &&
           value[strspn(value, allowed)] == '\0';
}

static bool add_hub(struct emu_options *options, const char *value)
{
    if (options->hub_count == EMU_HUBS_MAXIMUM || value[0] == '\0')
        return false;
    options->hubs[options->hub_count++] = value;
    return true;
}

static bool set_polls(struct emu_options *options, const char *value)
{
    return set_unsigned(&options->polls, value, 1000000);
}

static bool set_retry_after(struct emu_options *options, const char *value)
{
    return set_unsigned(&options->retry_after, value, 86400);
}

static bool set_clock_offset(struct emu_options *options, const char *value)
{
    unsigned seconds = 0;
    bool behind = value[0] == '-';
    bool good = set_unsigned(&seconds, value + (behind ? 1 : 0), INT32_MAX);

    options->clock_offset = behind ? -(long)seconds : (long)seconds;
    return good;
}

static bool set_disabled_as(struct emu_options *options, const char *value)
{
    options->disabled_is_status = strcmp(value, "status") == 0;
    return options->disabled_is_status || strcmp(value, "error") == 0;
}

static bool add_fault(struct emu_options *options, const char *value)
{
    if (options->fault_count == EMU_FAULTS_MAXIMUM)
        return false;
    options->faults[options->fault_count++] = value;
    return true;
}

static bool set_commands(struct emu_options *options, const char *value)
{
    return set_text(&options->commands_of, value);
}

static bool set_forget(struct emu_options *options, const char *value)
{
    return set_text(&options->forget, value);
}

static bool set_log(struct emu_options *options, const char *value)
{
    return set_text(&options->log, value);
}

static const struct {
    const char *name;
    bool (*set)(struct emu_options *options, const char *value);
} valued[] = {
    {"--listen",       set_listen      },
    {"--port",         set_port        },
    {"--state",        set_state       },
    {"--id-scope",     set_id_scope    },
    {"--hub",          add_hub         },
    {"--polls",        set_polls       },
    {"--retry-after",  set_retry_after },
    {"--clock-offset", set_clock_offset},
    {"--disabled-as",  set_disabled_as },
    {"--fault",        add_fault       },
    {"--commands",     set_commands    },
    {"--forget",       set_forget      },
    {"--log",          set_log         },
};

/* `--name value` or `--name=value`. Answers how many arguments it took; 0: it is none of these, or refused.
 */
static int read_valued(int left, char **arguments, struct emu_options *out, char *message, size_t size)
{
    for (size_t i = 0; i < sizeof valued / sizeof valued[0]; i++) {
        size_t length = strlen(valued[i].name);
        bool joined;
        const char *value;

        if (strncmp(arguments[0], valued[i].name, length) != 0)
            continue;
        joined = arguments[0][length] == '=';
        if (!joined && arguments[0][length] != '\0')
            continue;
        value = joined ? arguments[0] + length + 1 : left > 1 ? arguments[1] : NULL;
        if (value == NULL) {
            snprintf(message, size, "%s needs a value", valued[i].name);
            return 0;
        }
        if (!valued[i].set(out, value)) {
            snprintf(message, size, "%s cannot be %s", valued[i].name, value[0] != '\0' ? value : "empty");
            return 0;
        }
        return joined ? 1 : 2;
    }
    snprintf(message, size, "unknown option %s", arguments[0]);
    return 0;
}

static int read_send(int left, char **arguments, struct emu_options *out, char *message, size_t size)
{
    if (left < 3 || arguments[1][0] == '\0') {
        snprintf(message, size, "--send needs a device and a text");
        return 0;
    }
    out->send_to = arguments[1];
    out->text = arguments[2];
    return 3;
}

bool emu_options_read(int count, char **arguments, struct emu_options *out, char *message, size_t size)
{
    int taken;

    *out = (struct emu_options){
        .listen = "127.0.0.1",
        .port = 8443,
        .polls = 1,
        .retry_after = 1,
        .log = "warning",
    };
    for (int i = 1; i < count; i += taken) {
        taken = 1;
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            out->help = true;
        } else if (strcmp(arguments[i], "--version") == 0) {
            out->version = true;
        } else if (strcmp(arguments[i], "--messages") == 0) {
            out->messages = true;
            if (i + 1 < count && arguments[i + 1][0] != '-')
                out->device = arguments[i + taken++];
        } else if (strcmp(arguments[i], "--send") == 0) {
            taken = read_send(count - i, arguments + i, out, message, size);
        } else {
            taken = read_valued(count - i, arguments + i, out, message, size);
        }
        if (taken == 0)
            return false;
    }
    if (out->hub_count == 0)
        out->hubs[out->hub_count++] = EMU_OWN_HUB;
    return true;
}
