/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, wrapped keys and certificate requests as text: what is read comes back the same when it is written.
 */
#include "dps/base64.h"
#include "dps/certificate.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

const char fuzz_seeds[] = "base64";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes read;
    char *request;

    if (dps_base64_read((const char *)data, size, &read)) {
        struct buffer text;

        buffer_init(&text, size + 4);
        if (!dps_base64_add(&text, read.data, read.size) || text.size != size ||
            (size != 0 && memcmp(text.data, data, size) != 0))
            abort();
        buffer_free(&text);
        bytes_free(&read);
    }
    if (dps_certificate_read_request(data, size, &request)) {
        if (!dps_base64_read(request, strlen(request), &read))
            abort();
        bytes_free(&read);
        free(request);
    }
    return 0;
}
