/* Sockets, time and growable buffers shared by the scripted upstream and the load generator. */
#ifndef NET_H
#define NET_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    char *data;
    size_t length, room;
} Buffer;

static inline void fail(const char *what) {
    perror(what);
    exit(2);
}

static inline int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void reserve(Buffer *b, size_t more) {
    if (b->length + more <= b->room) return;
    while (b->room < b->length + more) b->room = b->room ? b->room * 2 : 4096;
    b->data = realloc(b->data, b->room);
    if (!b->data) fail("realloc");
}

static inline void append(Buffer *b, const void *data, size_t length) {
    reserve(b, length);
    memcpy(b->data + b->length, data, length);
    b->length += length;
}

static inline void append_text(Buffer *b, const char *text) { append(b, text, strlen(text)); }

/* Drop the first `count` bytes. */
static inline void drop(Buffer *b, size_t count) {
    b->length -= count;
    if (b->length) memmove(b->data, b->data + count, b->length);
}

static inline void prepare_socket(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static inline struct sockaddr_in loopback(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static inline int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in a = loopback(port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 4096)) fail("listen");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* -1 when nobody listens. */
static inline int connect_to(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = loopback(port);
    if (fd < 0) fail("socket");
    if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
        close(fd);
        return -1;
    }
    prepare_socket(fd);
    return fd;
}

static inline void raise_file_limit(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Wait for events until an absolute time in ns (<0: for ever). */
static inline int wait_events(int epoll, struct epoll_event *events, int room, int64_t until) {
    if (until < 0) return epoll_wait(epoll, events, room, -1);
    int64_t left = until - now_ns();
    if (left < 0) left = 0;
    struct timespec t = {left / 1000000000, left % 1000000000};
    int got = epoll_pwait2(epoll, events, room, &t, NULL);
    return got < 0 ? 0 : got;
}

static inline void watch(int epoll, int operation, int fd, void *owner, int writable) {
    struct epoll_event e = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.ptr = owner};
    if (epoll_ctl(epoll, operation, fd, &e)) fail("epoll_ctl");
}
#endif
