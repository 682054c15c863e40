/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_CERTIFICATE_H
#define DEVID_EMULATOR_CERTIFICATE_H

#include "common/bytes.h"
#include "emulator/text.h"

#include <jansson.h>
#include <openssl/x509.h>

#define EMU_THUMBPRINT_SIZE 65
#define EMU_NAME_SIZE 300

/* Reads DER; nothing may follow it. NULL: it is no certificate. Freed with X509_free. */
__attribute__((warn_unused_result)) X509 *emu_certificate_from_der(const struct bytes *der);

/* Reads what users put in an enrollment: base64 of DER, PEM, or base64 of PEM. Of several PEM blocks the
 * first. */
__attribute__((warn_unused_result)) X509 *emu_certificate_from_text(const char *text);

__attribute__((warn_unused_result)) bool emu_certificate_to_der(const X509 *certificate, struct bytes *out);
/* base64 of the DER, malloc'ed. */
__attribute__((warn_unused_result)) char *emu_certificate_to_text(const X509 *certificate);

/* The subject's one common name, in UTF-8. False: none, several, too long, or with a NUL inside. */
__attribute__((warn_unused_result)) bool emu_certificate_common_name(const X509 *certificate, char *out,
                                                                     size_t size);

/* A name as one line, cut at the end of `out`. */
void emu_certificate_name(const X509_NAME *name, char *out, size_t size);

/* Upper-case hexadecimal SHA-256 over the DER; "" when it cannot be computed (which matches nothing). */
void emu_certificate_thumbprint(const X509 *certificate, char out[static EMU_THUMBPRINT_SIZE]);

/* A date of a certificate in the service's format. */
void emu_certificate_time(const ASN1_TIME *time, char out[static EMU_TIME_SIZE]);

/* The service's X509CertificateInfo. NULL: no memory. */
__attribute__((warn_unused_result)) json_t *emu_certificate_info(const X509 *certificate);

#endif
