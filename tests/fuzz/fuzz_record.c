/* SPDX-License-Identifier: Apache-2.0 */
/* A state file of a registration: what is loaded has a hub and a device, and is saved and loaded again alike.
 */
#include "dps/record.h"
#include "dps/url.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char fuzz_seeds[] = "record";

#define PATH_SIZE 64
/* Each changed copy that is good costs a rename and two fsyncs: where those are free. */
static char shared_memory[] = "/dev/shm/devid-fuzz-XXXXXX";
static char temporary[] = "/tmp/devid-fuzz-XXXXXX";
static char path[PATH_SIZE];
static const char *folder;

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

static void make_folder(void)
{
    if (folder != NULL)
        return;
    folder = mkdtemp(shared_memory);
    if (folder == NULL)
        folder = mkdtemp(temporary);
    if (folder == NULL || snprintf(path, sizeof path, "%s/state.json", folder) >= (int)sizeof path)
        abort();
    atexit(remove_folder);
}

static void put_file(const uint8_t *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
}

static void check_same(const struct dps_record *a, const struct dps_record *b)
{
    for (size_t i = 0; i < DPS_RECORD_COUNT; i++) {
        const char *x = a->field[i];
        const char *y = b->field[i];

        if ((x == NULL) != (y == NULL) || (x != NULL && (x[0] == '\0' || strcmp(x, y) != 0)))
            abort();
    }
}

static void check_refusal(const struct dps_record *record, const struct dps_report *report)
{
    for (size_t i = 0; i < DPS_RECORD_COUNT; i++)
        if (record->field[i] != NULL)
            abort();
    if (report->text[0] == '\0')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dps_report report = {0};
    struct dps_record record;
    struct dps_record again;

    make_folder();
    put_file(data, size);
    if (dps_record_load(path, &report, &record) != DPS_OK) {
        check_refusal(&record, &report);
        return 0;
    }
    if (record.field[DPS_RECORD_HUB] == NULL || record.field[DPS_RECORD_DEVICE_ID] == NULL ||
        !dps_url_is_authority(record.field[DPS_RECORD_HUB]))
        abort();
    if (dps_record_save(path, &record, &report) != DPS_OK || dps_record_load(path, &report, &again) != DPS_OK)
        abort();
    check_same(&record, &again);
    dps_record_free(&again);
    dps_record_free(&record);
    return 0;
}
