/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_URL_H
#define DPS_URL_H

#include "common/buffer.h"

/* True for "host" or "host:port": a DNS name, an IPv4 address or an IPv6 address in brackets; port 1 to
 * 65535. */
bool dps_url_is_authority(const char *text);

/*
 * Reads an endpoint, "https://host[:port]" with or without a slash at the end or "host[:port]", into *out as
 * "https://host[:port]" (the caller frees it). False: it is something else (*out is NULL), or no memory
 * (too).
 */
__attribute__((warn_unused_result)) bool dps_url_read_origin(const char *text, char **out);

/* True for a text that can be one segment of a path: not empty, no step like "..", at most 512 bytes. */
bool dps_url_is_segment(const char *text);

/* Adds the text, percent-encoded with upper-case digits except for letters, digits and - . _ ~. False: the
 * buffer is full. */
bool dps_url_add_encoded(struct buffer *url, const char *text);

/* Adds "/" and the text as one path segment, percent-encoded with upper-case digits. False: the buffer is
 * full. */
bool dps_url_add_segment(struct buffer *url, const char *text);

/* Adds "?name=value", the value percent-encoded. */
bool dps_url_add_query(struct buffer *url, const char *name, const char *value);

#endif
