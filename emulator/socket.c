/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_socket(const struct addrinfo *where)
{
    int one = 1;
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, where->ai_addr, where->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    one = errno;
    close(fd);
    errno = one;
    return -1;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char port[8] = "0";

    if (getsockname(fd, (struct sockaddr *)&address, &size) == 0)
        getnameinfo((struct sockaddr *)&address, size, NULL, 0, port, sizeof port, NI_NUMERICSERV);
    return (uint16_t)strtoul(port, NULL, 10);
}

int emu_socket_listen(const char *address, uint16_t port, uint16_t *bound, char *message, size_t size)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *where = NULL;
    char service[8];
    int error;
    int fd;

    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(address, service, &hints, &where) != 0) {
        snprintf(message, size, "%s is not an address of the form 127.0.0.1 or ::1", address);
        return -1;
    }
    fd = open_socket(where);
    error = errno;
    freeaddrinfo(where);
    if (fd < 0)
        snprintf(message, size, "cannot listen on %s, port %u: %s%s", address, port, strerror(error),
                 error == EADDRINUSE ? "; choose another with --port (0 takes any free one)" : "");
    else
        *bound = bound_port(fd);
    return fd;
}

bool emu_socket_is_loopback(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address != NULL && address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        return (ntohl(v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    }
    if (address == NULL || address->sa_family != AF_INET6)
        return false;
    memcpy(&v6, address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
}
