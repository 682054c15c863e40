/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_COMMON_PRESENTABLE_H
#define DEVID_COMMON_PRESENTABLE_H

/*
 * For a message that quotes what came from outside: control characters, which could break a line or a
 * terminal, become spaces, and the value of each "pin-value=", which a URI may carry, becomes asterisks,
 * whoever quotes that URI.
 */
void make_presentable(char *text);

#endif
