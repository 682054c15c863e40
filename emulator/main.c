/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"
#include "common/log.h"
#include "emulator/ca.h"
#include "emulator/command.h"
#include "emulator/device.h"
#include "emulator/emulator.h"
#include "emulator/fault.h"
#include "emulator/http.h"
#include "emulator/messages.h"
#include "emulator/options.h"
#include "emulator/route.h"
#include "emulator/state.h"
#include "emulator/store.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define PEM_MAXIMUM (64 * 1024)
#define MESSAGE_SIZE 1024

static int complain(const char *message)
{
    fprintf(stderr, "devid-emulator: %s\n", message);
    return EXIT_FAILURE;
}

/* The name that others reach this server by. */
static const char *host_of(const char *address)
{
    static const char *const local[] = {"127.0.0.1", "::1", "0.0.0.0", "::"};

    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if (strcmp(local[i], address) == 0)
            return "localhost";
    return address;
}

/* The database of a state directory, for the jobs that need no server. NULL: said why. */
static struct emu_store *open_database(const struct emu_options *options)
{
    char message[MESSAGE_SIZE];
    char path[PATH_MAX];
    char database[PATH_MAX + 32];
    struct emu_store *store = NULL;

    if (emu_state_path(options->state, path, message, sizeof message)) {
        snprintf(database, sizeof database, "%s/%s", path, EMU_STATE_DATABASE);
        if (access(database, F_OK) != 0)
            snprintf(message, sizeof message, "%.900s holds no emulator's state", path);
        else
            store = emu_store_open(database, false, message, sizeof message);
    }
    if (store == NULL)
        complain(message);
    return store;
}

static int print_messages(const struct emu_options *options)
{
    struct emu_store *store = open_database(options);
    bool printed;

    if (store == NULL)
        return EXIT_FAILURE;
    printed = emu_messages_print(store, options->device, stdout);
    emu_store_close(store);
    return printed ? EXIT_SUCCESS : complain("the messages cannot be printed");
}

static int print_commands(const struct emu_options *options)
{
    struct emulator emulator = {.host = EMU_OWN_HUB, .store = open_database(options)};
    bool printed;

    if (emulator.store == NULL)
        return EXIT_FAILURE;
    printed = emu_command_print(&emulator, options->commands_of, stdout);
    emu_store_close(emulator.store);
    return printed ? EXIT_SUCCESS : complain("the messages cannot be printed");
}

typedef bool (*device_change)(const struct emulator *emulator, const struct emu_options *options,
                              json_t *device, struct emu_refusal *refusal);

static bool queue_command(const struct emulator *emulator, const struct emu_options *options, json_t *device,
                          struct emu_refusal *refusal)
{
    struct bytes body = BYTES_EMPTY;
    json_t *nothing = json_object();
    json_int_t sequence;
    bool queued = bytes_copy(&body, options->text, strlen(options->text)) &&
                  emu_command_add(emulator, device, nothing, nothing, &body, &sequence, refusal);

    json_decref(nothing);
    bytes_free(&body);
    return queued;
}

static bool forget(const struct emulator *emulator, const struct emu_options *options, json_t *device,
                   struct emu_refusal *refusal)
{
    (void)options;
    return emu_device_remove(emulator, device, refusal);
}

/* Changes a device of the own hub, in one transaction, as a server may be at work on it too. */
static int change_device(const struct emu_options *options, const char *name, device_change change)
{
    struct emulator emulator = {.host = EMU_OWN_HUB, .store = open_database(options)};
    const struct emu_request request = {0};
    struct emu_refusal refusal = {.message = "the database cannot be changed"};
    json_t *device = NULL;
    bool changed;

    if (emulator.store == NULL)
        return EXIT_FAILURE;
    changed = emu_store_begin(emulator.store) &&
              emu_device_find(&emulator, &request, name, &device, &refusal) &&
              change(&emulator, options, device, &refusal) && emu_store_commit(emulator.store);
    if (!changed)
        emu_store_rollback(emulator.store);
    json_decref(device);
    emu_store_close(emulator.store);
    return changed ? EXIT_SUCCESS : complain(refusal.message);
}

/* The signals that end the server are waited for, so every thread has to block them. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void announce(const struct emulator *emulator, const char *path)
{
    printf("devid-emulator: listening on https://%s:%u\n", emulator->host, emulator->port);
    printf("id scope: %s\n", emulator->id_scope);
    printf("authority to trust: %s/%s\n", path, EMU_CA_CERTIFICATE);
    printf("service connection string: %s/%s\n", path, EMU_STATE_CONNECTION);
    fflush(stdout);
}

static bool start_server(struct emu_listener *listener, struct emulator *emulator, int directory,
                         char *message, size_t size)
{
    static const char *const names[] = {EMU_SERVER_CERTIFICATE, EMU_SERVER_KEY, EMU_CA_CERTIFICATE};
    struct bytes files[3] = {BYTES_EMPTY, BYTES_EMPTY, BYTES_EMPTY};
    bool started = true;

    for (size_t i = 0; started && i < 3; i++) {
        int error = file_read(directory, names[i], PEM_MAXIMUM, &files[i]);
        struct bytes terminated = BYTES_EMPTY;

        started = error == 0 && bytes_alloc(&terminated, files[i].size + 1);
        if (started) {
            memcpy(terminated.data, files[i].data, files[i].size);
            bytes_move(&files[i], &terminated);
        } else {
            snprintf(message, size, "%s cannot be read: %s", names[i], strerror(error));
        }
    }
    started =
        started && emu_http_start(listener, emulator, (const char *)files[0].data,
                                  (const char *)files[1].data, (const char *)files[2].data, message, size);
    for (size_t i = 0; i < 3; i++)
        bytes_free(&files[i]);
    return started;
}

static bool add_faults(const struct emu_options *options, struct emu_faults *faults, char *message,
                       size_t size)
{
    for (size_t i = 0; i < options->fault_count; i++) {
        json_error_t error;
        json_t *fault = json_loads(options->faults[i], JSON_REJECT_DUPLICATES, &error);
        char why[200];
        bool added;

        snprintf(why, sizeof why, "it is not JSON: %.150s", error.text);
        added = fault != NULL && emu_faults_add(faults, fault, emu_route_known, why, sizeof why);
        json_decref(fault);
        if (!added) {
            snprintf(message, size, "--fault %.300s: %s", options->faults[i], why);
            return false;
        }
    }
    return true;
}

static int serve(const struct emu_options *options)
{
    struct emulator emulator = {
        .host = host_of(options->listen),
        .hubs = options->hubs,
        .hub_count = options->hub_count,
        .polls = options->polls,
        .retry_after = options->retry_after,
        .clock_offset = options->clock_offset,
        .disabled_is_status = options->disabled_is_status,
        .faults = emu_faults_new(),
    };
    struct emu_state state = {.directory = -1, .lock = -1};
    struct emu_listener *listener = NULL;
    char message[MESSAGE_SIZE] = "";
    char path[PATH_MAX];
    sigset_t signals;
    int received;
    int status = EXIT_FAILURE;

    umask(077);
    block_signals(&signals);
    if (emulator.faults == NULL) {
        snprintf(message, sizeof message, "out of memory");
        goto out;
    }
    if (!add_faults(options, emulator.faults, message, sizeof message) ||
        !emu_state_path(options->state, path, message, sizeof message) ||
        !emu_state_open(&state, path, options->id_scope, message, sizeof message) ||
        !emu_ca_ensure(state.directory, emulator.host, emu_now(&emulator).tv_sec, message, sizeof message))
        goto out;
    emulator.store = state.store;
    emulator.id_scope = state.id_scope;
    emulator.service_key = state.service_key;
    emulator.hub_key = state.hub_key;
    listener = emu_http_listen(options->listen, options->port, &emulator.port, message, sizeof message);
    if (listener == NULL ||
        !emu_state_publish(&state, emulator.host, emulator.port, message, sizeof message) ||
        !start_server(listener, &emulator, state.directory, message, sizeof message))
        goto out;
    announce(&emulator, path);
    if (sigwait(&signals, &received) == 0)
        log_info("%s: ending", strsignal(received));
    status = EXIT_SUCCESS;
out:
    emu_http_stop(listener);
    emu_state_close(&state);
    emu_faults_free(emulator.faults);
    if (status != EXIT_SUCCESS)
        complain(message);
    return status;
}

int main(int count, char **arguments)
{
    struct emu_options options;
    char message[MESSAGE_SIZE];

    if (!emu_options_read(count, arguments, &options, message, sizeof message)) {
        complain(message);
        fprintf(stderr, "Try devid-emulator --help.\n");
        return EXIT_USAGE;
    }
    if (options.help || options.version) {
        fputs(options.help ? emu_options_help : "devid-emulator " DEVID_VERSION "\n", stdout);
        return EXIT_SUCCESS;
    }
    if (!log_set_from_text("devid-emulator", options.log)) {
        complain("--log must be error, warning, info or debug");
        return EXIT_USAGE;
    }
    if (options.messages)
        return print_messages(&options);
    if (options.commands_of != NULL)
        return print_commands(&options);
    if (options.send_to != NULL)
        return change_device(&options, options.send_to, queue_command);
    return options.forget != NULL ? change_device(&options, options.forget, forget) : serve(&options);
}
