/* As much of HTTP/1.1 framing as two ends of a benchmark need: heads, lengths, chunks. */
#ifndef HTTP_H
#define HTTP_H
#include "net.h"
#include <strings.h>

typedef enum { HEAD, SIZED, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, UNTIL_CLOSE, WHOLE, BROKEN } Part;

typedef struct {
    Part part;
    int status, close;
    int64_t left;
} Message;

static inline const char *find_header(const char *head, size_t length, const char *name) {
    size_t size = strlen(name);
    const char *line = memchr(head, '\n', length), *end = head + length;
    while (line && ++line + size < end) {
        if (!strncasecmp(line, name, size) && line[size] == ':') {
            line += size + 1;
            while (line < end && *line == ' ') line++;
            return line;
        }
        line = memchr(line, '\n', end - line);
    }
    return NULL;
}

/* Length of the head with its empty line; 0: not all of it has come. */
static inline size_t head_length(const Buffer *in) {
    char *end = in->length ? memmem(in->data, in->length, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - in->data) + 4 : 0;
}

static inline void read_head(Message *m, const char *head, size_t length) {
    const char *value = find_header(head, length, "connection");
    m->status = length > 12 ? atoi(head + 9) : 0;
    m->close = value && !strncasecmp(value, "close", 5);
    if ((value = find_header(head, length, "transfer-encoding")) && !strncasecmp(value, "chunked", 7)) {
        m->part = CHUNK_SIZE;
    } else if ((value = find_header(head, length, "content-length"))) {
        m->left = atoll(value);
        m->part = m->left ? SIZED : WHOLE;
    } else {
        m->part = UNTIL_CLOSE;
        m->close = 1;
    }
}

/* Take what has come out of `in`, appending the decoded body to `body`. Stops at the message's end. */
static inline void decode(Message *m, Buffer *in, Buffer *body) {
    size_t at = 0;
    while (at < in->length && m->part != WHOLE && m->part != BROKEN) {
        char *from = in->data + at;
        size_t have = in->length - at;
        if (m->part == HEAD) {
            Buffer rest = {from, have, have};
            size_t head = head_length(&rest);
            if (!head) break;
            read_head(m, from, head);
            at += head;
        } else if (m->part == SIZED || m->part == CHUNK_DATA || m->part == UNTIL_CLOSE) {
            size_t take = m->part == UNTIL_CLOSE || (int64_t)have < m->left ? have : (size_t)m->left;
            append(body, from, take);
            at += take;
            m->left -= take;
            if (m->part != UNTIL_CLOSE && !m->left) m->part = m->part == SIZED ? WHOLE : CHUNK_END;
        } else {
            char *line = memchr(from, '\n', have);
            if (!line) break;
            at += line - from + 1;
            if (m->part == CHUNK_END) {
                m->part = line - from > 1 ? BROKEN : CHUNK_SIZE;
            } else if (m->part == TRAILER) {
                if (line - from <= 1) m->part = WHOLE;
            } else {
                char *end;
                m->left = strtoll(from, &end, 16);
                m->part = end == from ? BROKEN : m->left ? CHUNK_DATA : TRAILER;
            }
        }
    }
    drop(in, at);
}
#endif
