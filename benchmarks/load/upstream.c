/* The scripted upstream: answers chat, messages and embeddings from memory, at once, late, or as a paced stream.
 *
 *   upstream PORT
 *   PUT /behave?delay_us=50000&pace_us=20000&chunks=100&reply_bytes=0&width=1536&close_every=0
 *
 * `chunks=0` streams without end. A body with a token [[0123456789abcdef]] is answered with that token, numbered, so
 * that the caller can tell whose answer it got: twice around a filling whose length follows from the token, or once in
 * each chunk. `close_every=N` closes a connection, announced, with every Nth answer on it.
 */
#include "http.h"

typedef struct {
    long delay_us, pace_us, chunks, reply_bytes, width, close_every;
} Behaviour;

typedef enum { CHAT, MESSAGES, EMBEDDINGS, OTHER } Kind;

typedef struct Connection {
    int fd, blocked, streaming, usage, closing, waiting;
    long answers, sent;
    Kind kind;
    int64_t due;
    char token[17];
    Buffer in, out;
} Connection;

static Behaviour behaviour = {.chunks = 100, .width = 1536};
static Buffer chat_reply, message_reply, vector_reply, text;
static Connection **heap;
static size_t waiting, heap_room;
static int epoll;

static void sift(size_t at) {
    for (; at && heap[(at - 1) / 2]->due > heap[at]->due; at = (at - 1) / 2) {
        Connection *c = heap[at];
        heap[at] = heap[(at - 1) / 2];
        heap[(at - 1) / 2] = c;
    }
}

static void wake_at(Connection *c, int64_t due) {
    if (waiting == heap_room) heap = realloc(heap, (heap_room = heap_room ? heap_room * 2 : 1024) * sizeof *heap);
    c->due = due;
    c->waiting = 1;
    heap[waiting] = c;
    sift(waiting++);
}

static Connection *next_due(void) {
    Connection *first = heap[0], *last = heap[--waiting];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < waiting) {
        if (child + 1 < waiting && heap[child + 1]->due < heap[child]->due) child++;
        if (heap[child]->due >= last->due) break;
        heap[at] = heap[child];
        at = child;
    }
    if (waiting) heap[at] = last;
    first->waiting = 0;
    return first;
}

/* As with real upstreams no two heads are the same: each answer has an id of its own. */
static void sized(Buffer *out, const Buffer *body, int close) {
    static unsigned long id;
    char head[256];
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nserver: scripted\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
             "content-type: application/json\r\nx-request-id: req_%010lu\r\n%scontent-length: %zu\r\n\r\n",
             id++, close ? "connection: close\r\n" : "", body->length);
    append_text(out, head);
    append(out, body->data, body->length);
}

static void render_chat(Buffer *body, const char *content, size_t length) {
    append_text(body, "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"up\","
                      "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
    append(body, content, length);
    append_text(body, "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,"
                      "\"completion_tokens\":9,\"total_tokens\":21}}");
}

static void render_message(Buffer *body, const char *content, size_t length) {
    append_text(body, "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"up\",\"content\":[{"
                      "\"type\":\"text\",\"text\":\"");
    append(body, content, length);
    append_text(body, "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,"
                      "\"output_tokens\":9}}");
}

/* What is the same for every call is rendered once. */
static void render_replies(void) {
    const char *hello = "Hello! How can I help you today?";
    char number[32];
    text.length = chat_reply.length = message_reply.length = vector_reply.length = 0;
    append_text(&text, hello);
    while ((long)text.length < behaviour.reply_bytes) append_text(&text, " and so on it went, word after word,");
    render_chat(&chat_reply, text.data, text.length);
    render_message(&message_reply, text.data, text.length);
    append_text(&vector_reply, "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[");
    for (long i = 0; i < behaviour.width; i++) {
        snprintf(number, sizeof number, "%s%.10f", i ? "," : "", ((i * 7919) % 2000 - 1000) / 12345.678);
        append_text(&vector_reply, number);
    }
    append_text(&vector_reply, "]}],\"model\":\"up\",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}");
}

static void chunk(Buffer *out, const char *data) {
    char size[24];
    snprintf(size, sizeof size, "%zx\r\n", strlen(data));
    append_text(out, size);
    append_text(out, data);
    append_text(out, "\r\n");
}

static void stream_head(Connection *c) {
    append_text(&c->out, "HTTP/1.1 200 OK\r\nserver: scripted\r\ncontent-type: text/event-stream\r\n"
                         "cache-control: no-cache\r\nx-accel-buffering: no\r\ntransfer-encoding: chunked\r\n\r\n");
    if (c->kind == MESSAGES)
        chunk(&c->out,
              "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\","
              "\"role\":\"assistant\",\"model\":\"up\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
              "\"usage\":{\"input_tokens\":12,\"output_tokens\":1}}}\n\nevent: content_block_start\n"
              "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
}

#define OPENAI_CHUNK "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"up\","

static void stream_chunk(Connection *c) {
    char piece[64] = " token", event[512];
    if (c->token[0]) snprintf(piece, sizeof piece, "[[%s:%05ld]]", c->token, c->sent);
    if (c->kind == MESSAGES)
        snprintf(event, sizeof event,
                 "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
                 "\"delta\":{\"type\":\"text_delta\",\"text\":\"%s\"}}\n\n", piece);
    else
        snprintf(event, sizeof event,
                 OPENAI_CHUNK "\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\"%s\"},\"finish_reason\":null}]}\n\n",
                 c->sent ? "" : "\"role\":\"assistant\",", piece);
    chunk(&c->out, event);
    c->sent++;
}

static void stream_end(Connection *c) {
    char event[512];
    if (c->kind == MESSAGES) {
        snprintf(event, sizeof event,
                 "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
                 "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
                 "\"stop_sequence\":null},\"usage\":{\"output_tokens\":%ld}}\n\n"
                 "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", c->sent);
        chunk(&c->out, event);
    } else {
        chunk(&c->out, OPENAI_CHUNK "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
        if (c->usage) {
            snprintf(event, sizeof event,
                     OPENAI_CHUNK "\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":%ld,"
                     "\"total_tokens\":%ld}}\n\n", c->sent, c->sent + 12);
            chunk(&c->out, event);
        }
        chunk(&c->out, "data: [DONE]\n\n");
    }
    append_text(&c->out, "0\r\n\r\n");
    c->streaming = 0;
}

static void answer_token(Connection *c, Buffer *body) {
    char mark[32];
    Buffer content = {0};
    long filling = strtoull(c->token, NULL, 16) * 2654435761u % 3001;
    snprintf(mark, sizeof mark, "[[%s:00000]]", c->token);
    append_text(&content, mark);
    while (filling--) append(&content, "x", 1);
    mark[23] = '1';
    append_text(&content, mark);
    if (c->kind == MESSAGES) render_message(body, content.data, content.length);
    else render_chat(body, content.data, content.length);
    free(content.data);
}

static void answer(Connection *c) {
    int last = behaviour.close_every && ++c->answers % behaviour.close_every == 0;
    if (c->kind == EMBEDDINGS) sized(&c->out, &vector_reply, last);
    else if (c->token[0]) {
        Buffer body = {0};
        answer_token(c, &body);
        sized(&c->out, &body, last);
        free(body.data);
    } else sized(&c->out, c->kind == MESSAGES ? &message_reply : &chat_reply, last);
    c->closing = last;
}

static long setting(const char *query, size_t length, const char *name, long otherwise) {
    char wanted[32];
    snprintf(wanted, sizeof wanted, "%s=", name);
    char *found = memmem(query, length, wanted, strlen(wanted));
    return found ? atol(found + strlen(wanted)) : otherwise;
}

static void answer_other(Connection *c, size_t line) {
    Buffer body = {0};
    if (!memcmp(c->in.data, "PUT /behave", 11)) {
        behaviour.delay_us = setting(c->in.data, line, "delay_us", 0);
        behaviour.pace_us = setting(c->in.data, line, "pace_us", 0);
        behaviour.chunks = setting(c->in.data, line, "chunks", 100);
        behaviour.reply_bytes = setting(c->in.data, line, "reply_bytes", 0);
        behaviour.width = setting(c->in.data, line, "width", 1536);
        behaviour.close_every = setting(c->in.data, line, "close_every", 0);
        render_replies();
    }
    append_text(&body, "{\"object\":\"list\",\"status\":\"ok\",\"model_path\":\"up\",\"data\":[{\"id\":\"up\","
                       "\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"bench\",\"max_model_len\":131072}]}");
    sized(&c->out, &body, 0);
    free(body.data);
}

static void leave(Connection *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    if (c->waiting) return; /* freed when its time comes */
    free(c->in.data);
    free(c->out.data);
    free(c);
}

/* 0: the connection is gone. */
static int flush(Connection *c) {
    size_t done = 0;
    while (done < c->out.length) {
        ssize_t sent = send(c->fd, c->out.data + done, c->out.length - done, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return leave(c), 0;
        if (sent < 0) break;
        done += sent;
    }
    drop(&c->out, done);
    if (!c->out.length != !c->blocked) watch(epoll, EPOLL_CTL_MOD, c->fd, c, c->blocked = c->out.length > 0);
    if (c->closing && !c->out.length) return leave(c), 0;
    return 1;
}

static void begin(Connection *c, size_t head, size_t length) {
    char *body = c->in.data + head, *token = memmem(body, length, "[[", 2);
    char *line = memchr(c->in.data, '\n', head);
    size_t first = line - c->in.data;
    c->kind = memmem(c->in.data, first, "/embeddings", 11) ? EMBEDDINGS
              : memmem(c->in.data, first, "/messages", 9)  ? MESSAGES
              : memcmp(c->in.data, "POST", 4)              ? OTHER
                                                           : CHAT;
    c->token[0] = 0;
    if (token && token + 18 < body + length && token[18] == ']') memcpy(c->token, token + 2, 16), c->token[16] = 0;
    c->streaming = memmem(body, length, "\"stream\":true", 13) || memmem(body, length, "\"stream\": true", 14);
    c->usage = c->streaming && memmem(body, length, "include_usage", 13);
    c->sent = 0;
    if (c->kind == OTHER) answer_other(c, first);
    else if (c->streaming) {
        stream_head(c);
        wake_at(c, now_ns() + behaviour.pace_us * 1000);
    } else if (behaviour.delay_us) wake_at(c, now_ns() + behaviour.delay_us * 1000);
    else answer(c);
}

/* A caller that stops reading makes the upstream wait, as a real one would. */
static void on_time(Connection *c) {
    if (c->fd < 0) return leave(c);
    if (!c->streaming) answer(c);
    else if (c->out.length < 1 << 16) {
        do stream_chunk(c);
        while (!behaviour.pace_us && c->sent < behaviour.chunks);
        if (behaviour.chunks && c->sent >= behaviour.chunks) stream_end(c);
    }
    if (flush(c) && c->streaming) wake_at(c, c->due + behaviour.pace_us * 1000);
}

static void on_input(Connection *c) {
    reserve(&c->in, 1 << 17);
    ssize_t got = recv(c->fd, c->in.data + c->in.length, c->in.room - c->in.length, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) leave(c);
        return;
    }
    c->in.length += got;
    size_t head = c->waiting ? 0 : head_length(&c->in);
    if (!head) return;
    Message m = {0};
    read_head(&m, c->in.data, head);
    if (m.part == UNTIL_CLOSE) m.part = WHOLE;
    if (m.part == CHUNK_SIZE) { /* rewritten as a sized request once it is whole */
        Buffer rest = {0}, body = {0};
        append(&rest, c->in.data + head, c->in.length - head);
        decode(&m, &rest, &body);
        if (m.part == WHOLE) {
            c->in.length = head;
            append(&c->in, body.data, body.length);
            begin(c, head, body.length);
            c->in.length = 0;
        }
        free(rest.data);
        free(body.data);
        if (m.part != WHOLE) return;
    } else {
        size_t length = m.part == SIZED ? m.left : 0;
        if (find_header(c->in.data, head, "expect") && c->in.length == head && length)
            send(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
        if (c->in.length < head + length) return;
        begin(c, head, length);
        drop(&c->in, head + length);
    }
    flush(c);
}

int main(int count, char **arguments) {
    if (count != 2) return fprintf(stderr, "usage: upstream PORT\n"), 2;
    struct epoll_event events[512];
    int listener = listen_on(atoi(arguments[1]));
    raise_file_limit();
    render_replies();
    epoll = epoll_create1(0);
    watch(epoll, EPOLL_CTL_ADD, listener, NULL, 0);
    for (;;) {
        int got = wait_events(epoll, events, 512, waiting ? heap[0]->due : -1);
        for (int i = 0; i < got; i++) {
            Connection *c = events[i].data.ptr;
            if (c) {
                if (events[i].events & EPOLLOUT && !flush(c)) continue;
                if (events[i].events & ~EPOLLOUT) on_input(c);
                continue;
            }
            int fd;
            while ((fd = accept(listener, NULL, NULL)) >= 0) {
                Connection *made = calloc(1, sizeof *made);
                prepare_socket(fd);
                made->fd = fd;
                watch(epoll, EPOLL_CTL_ADD, fd, made, 0);
            }
        }
        int64_t now = waiting ? now_ns() : 0;
        while (waiting && heap[0]->due <= now) on_time(next_due());
    }
}
