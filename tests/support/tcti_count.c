/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tcti_count.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tctildr.h>

#define GET_CAPABILITY 0x17a
#define MAGIC 0x636f756e74657231ULL /* "counter1" */

struct counter {
    TSS2_TCTI_CONTEXT_COMMON_V2 common;
    TSS2_TCTI_CONTEXT *inner;
    struct tcti_count *count;
    int record;        /* file descriptor, or -1 */
    uint32_t underway; /* TPM_CC of the command whose response is awaited */
    bool injected;     /* the next receive answers with `answer` */
    uint8_t answer[10];
};

__attribute__((visibility("default"))) const TSS2_TCTI_INFO *Tss2_Tcti_Info(void);

static struct counter *counter_of(TSS2_TCTI_CONTEXT *context)
{
    return (struct counter *)context;
}

static uint32_t big_endian(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static void put_big_endian(uint8_t *data, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        data[i] = (uint8_t)(value >> (24 - 8 * i));
}

static bool should_inject(struct tcti_count *count, uint32_t command)
{
    if (count->inject_command != command || count->inject_times == 0)
        return false;
    if (count->inject_after != 0) {
        count->inject_after--;
        return false;
    }
    count->inject_times--;
    return true;
}

static void record(const struct counter *counter, const uint8_t *data, size_t size)
{
    if (counter->record >= 0 && write(counter->record, data, size) != (ssize_t)size)
        abort();
}

static void flip(struct tcti_count *count, uint8_t *response, size_t size)
{
    count->response_size = (uint32_t)size;
    if (count->flip_bit / 8 < size)
        response[count->flip_bit / 8] ^= (uint8_t)(0x80 >> count->flip_bit % 8);
    count->flip_command = 0;
}

/* TPMS_CAPABILITY_DATA of TPM_CAP_COMMANDS: header, moreData, capability, count, and the attributes, whose
 * lower half is the code. */
static void hide(uint32_t command, uint8_t *response, size_t *size)
{
    enum { CAPABILITY = 11, COUNT = 15, LIST = 19 };
    uint32_t count = *size >= LIST ? big_endian(response + COUNT) : 0;

    if (*size < LIST || big_endian(response + CAPABILITY) != 2)
        return;
    for (uint32_t i = 0; i < count && LIST + 4 * (i + 1) <= *size; i++) {
        uint8_t *item = response + LIST + 4 * (size_t)i;

        if ((big_endian(item) & 0xffff) != command)
            continue;
        memmove(item, item + 4, (size_t)(response + *size - (item + 4)));
        *size -= 4;
        put_big_endian(response + 2, (uint32_t)*size);
        put_big_endian(response + COUNT, count - 1);
        return;
    }
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
    struct counter *counter = counter_of(context);
    uint32_t code = size >= 10 ? big_endian(command + 6) : 0;

    __atomic_add_fetch(&counter->count->total, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&counter->count->command[code & 0x1ff], 1, __ATOMIC_SEQ_CST);
    counter->underway = code;
    record(counter, command, size);
    counter->injected = should_inject(counter->count, code);
    if (code != 0 && code == counter->count->hide_command) {
        memcpy(counter->answer, (const uint8_t[]){0x80, 0x01, 0, 0, 0, 10}, 6);
        put_big_endian(counter->answer + 6, 0x143); /* TPM_RC_COMMAND_CODE */
        counter->injected = true;
        return TSS2_RC_SUCCESS;
    }
    if (!counter->injected)
        return Tss2_Tcti_Transmit(counter->inner, size, command);
    if (counter->count->inject_code == 0) {
        counter->injected = false;
        return TSS2_TCTI_RC_IO_ERROR;
    }
    memcpy(counter->answer, (const uint8_t[]){0x80, 0x01, 0, 0, 0, 10}, 6);
    put_big_endian(counter->answer + 6, counter->count->inject_code);
    return TSS2_RC_SUCCESS;
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
    struct counter *counter = counter_of(context);

    if (!counter->injected) {
        TSS2_RC rc = Tss2_Tcti_Receive(counter->inner, size, response, timeout);

        if (rc == TSS2_RC_SUCCESS && response != NULL) {
            record(counter, response, *size);
            if (counter->underway == GET_CAPABILITY && counter->count->hide_command != 0)
                hide(counter->count->hide_command, response, size);
            if (counter->underway == counter->count->flip_command)
                flip(counter->count, response, *size);
        }
        return rc;
    }
    if (response != NULL) {
        memcpy(response, counter->answer, sizeof counter->answer);
        counter->injected = false;
    }
    *size = sizeof counter->answer;
    return TSS2_RC_SUCCESS;
}

static void finalize(TSS2_TCTI_CONTEXT *context)
{
    struct counter *counter = counter_of(context);

    Tss2_TctiLdr_Finalize(&counter->inner);
    if (counter->record >= 0)
        close(counter->record);
    munmap(counter->count, sizeof *counter->count);
}

static TSS2_RC cancel(TSS2_TCTI_CONTEXT *context)
{
    return Tss2_Tcti_Cancel(counter_of(context)->inner);
}

static TSS2_RC get_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *number)
{
    return Tss2_Tcti_GetPollHandles(counter_of(context)->inner, handles, number);
}

static TSS2_RC set_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
    return Tss2_Tcti_SetLocality(counter_of(context)->inner, locality);
}

static TSS2_RC make_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
    return Tss2_Tcti_MakeSticky(counter_of(context)->inner, handle, sticky);
}

static struct tcti_count *map_counters(void)
{
    const char *path = getenv("TCTI_COUNT_FILE");
    void *map = MAP_FAILED;
    int fd;

    if (path == NULL)
        return NULL;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && ftruncate(fd, sizeof(struct tcti_count)) == 0)
        map = mmap(NULL, sizeof(struct tcti_count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return map != MAP_FAILED ? map : NULL;
}

static TSS2_RC init(TSS2_TCTI_CONTEXT *context, size_t *size, const char *configuration)
{
    struct counter *counter = counter_of(context);
    TSS2_RC rc;

    if (context == NULL) {
        *size = sizeof *counter;
        return TSS2_RC_SUCCESS;
    }
    memset(counter, 0, sizeof *counter);
    counter->record = -1;
    counter->count = map_counters();
    if (counter->count == NULL)
        return TSS2_TCTI_RC_GENERAL_FAILURE;
    rc = Tss2_TctiLdr_Initialize(configuration, &counter->inner);
    if (rc != TSS2_RC_SUCCESS) {
        munmap(counter->count, sizeof *counter->count);
        return rc;
    }
    if (getenv("TCTI_RECORD_FILE") != NULL)
        counter->record = open(getenv("TCTI_RECORD_FILE"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    __atomic_add_fetch(&counter->count->connections, 1, __ATOMIC_SEQ_CST);
    counter->common.v1.magic = MAGIC;
    counter->common.v1.version = 2;
    counter->common.v1.transmit = transmit;
    counter->common.v1.receive = receive;
    counter->common.v1.finalize = finalize;
    counter->common.v1.cancel = cancel;
    counter->common.v1.getPollHandles = get_poll_handles;
    counter->common.v1.setLocality = set_locality;
    counter->common.makeSticky = make_sticky;
    return TSS2_RC_SUCCESS;
}

const TSS2_TCTI_INFO *Tss2_Tcti_Info(void)
{
    static const TSS2_TCTI_INFO info = {
        .version = 2,
        .name = "tcti-count",
        .description = "counts the commands that pass to another TCTI",
        .config_help = "the configuration of the other TCTI",
        .init = init,
    };

    return &info;
}
