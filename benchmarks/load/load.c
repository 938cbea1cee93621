/* The load generator: closed loop, open loop, streams; counts, latencies, and whether each answer is its caller's.
 *
 *   load --port P --path /v1/chat/completions --body FILE [--header "name: value"]... [--connections 32]
 *        [--seconds 2] [--warmup 0.5] [--ramp 0] [--rate 0] [--vary] [--check] [--chunks N]
 *
 * With `--vary` each request has an id header and a length of its own, as callers with tracing have.
 * With `--rate` requests fall due at even intervals whether or not earlier ones were answered, and latency is counted
 * from when a request was due. With `--check` the token [[0000000000000000]] of the body is made unique, and the answer
 * must carry it as the upstream promises. Prints `begin` when the warm-up is over, and at the end one line of JSON.
 */
#include "http.h"
#include <getopt.h>

typedef struct {
    int fd, busy, fresh, blocked;
    size_t sent, events_state;
    int64_t due;
    uint64_t token;
    Buffer request, in, body;
    Message message;
} Connection;

typedef struct {
    long answers, bad_status, mixed, lost, cut, refused, stale, events, bytes;
} Counts;

static struct {
    int port, connections, check, vary;
    const char *path, *body;
    double seconds, warmup, ramp, rate;
    long chunks;
} options = {.connections = 32, .seconds = 2, .warmup = 0.5, .path = "/v1/chat/completions"};

static Counts counts;
static Connection *all, **idle;
static size_t idle_count, token_at;
static Buffer request, headers, content;
static float *latencies;
static size_t latency_count, latency_room;
static uint64_t next_token = 0x1000;
static int epoll, measuring, bad_status_seen;

static void note_latency(int64_t nanoseconds) {
    if (!measuring) return;
    if (latency_count == latency_room)
        latencies = realloc(latencies, (latency_room = latency_room ? latency_room * 2 : 1 << 16) * sizeof *latencies);
    latencies[latency_count++] = nanoseconds / 1000.0f;
}

static void flush(Connection *c) {
    while (c->sent < c->request.length) {
        ssize_t sent = send(c->fd, c->request.data + c->sent, c->request.length - c->sent, MSG_NOSIGNAL);
        if (sent < 0) break; /* full, or gone: the reading side tells */
        c->sent += sent;
    }
    int blocked = c->sent < c->request.length;
    if (blocked != c->blocked) watch(epoll, EPOLL_CTL_MOD, c->fd, c, c->blocked = blocked);
}

static int open_connection(Connection *c) {
    c->fd = connect_to(options.port);
    c->fresh = 1;
    c->blocked = 0;
    if (c->fd < 0) return counts.refused++, 0;
    watch(epoll, EPOLL_CTL_ADD, c->fd, c, 0);
    return 1;
}

static void ask(Connection *c, int64_t due) {
    char digits[17];
    c->due = due;
    c->busy = 1;
    c->sent = 0;
    c->events_state = 1;
    c->in.length = c->body.length = 0;
    c->message = (Message){0};
    if (c->fd < 0 && !open_connection(c)) return;
    if (options.vary) {
        size_t number = next_token++ * 2654435761u;
        char line[128];
        c->request.length = 0;
        append(&c->request, request.data, request.length);
        snprintf(line, sizeof line, "x-request-id: %016zx\r\ncontent-length: %zu\r\n\r\n", number,
                 content.length + number % 64);
        append_text(&c->request, line);
        append(&c->request, content.data, content.length);
        snprintf(line, sizeof line, "%*s", (int)(number % 64), "");
        append_text(&c->request, line);
    } else if (options.check) {
        snprintf(digits, sizeof digits, "%016llx", (unsigned long long)(c->token = next_token++ * 2654435761u));
        memcpy(c->request.data + token_at, digits, 16);
    }
    flush(c);
}

static void hang_up(Connection *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

/* Lines that begin with `data:`; a stream without them is counted by its bytes alone. */
static void count_events(Connection *c, const char *data, size_t length) {
    static const char pattern[] = "\ndata:";
    for (size_t i = 0; i < length; i++) {
        if (data[i] == pattern[c->events_state]) {
            if (++c->events_state == 6) counts.events++, c->events_state = 0;
        } else c->events_state = data[i] == '\n';
    }
}

/* Each token is ours, they are numbered without a gap, and there are as many as were promised. */
static void check(Connection *c) {
    char expected[48];
    const char *at = c->body.data, *end = at + c->body.length, *first = NULL, *token;
    long seen = 0, promised = options.chunks ? options.chunks : 2;
    while (at < end && (token = memmem(at, end - at, "[[", 2)) && token + 26 <= end) {
        snprintf(expected, sizeof expected, "[[%016llx:%05ld]]", (unsigned long long)c->token, seen);
        if (memcmp(token, expected, 19)) {
            counts.mixed++;
            return;
        }
        if (memcmp(token, expected, 26)) break;
        if (!options.chunks && seen && token - first != 26 + (long)(c->token * 2654435761u % 3001)) break;
        if (!first) first = token;
        seen++;
        at = token + 26;
    }
    int ended = !options.chunks || memmem(c->body.data, c->body.length, "[DONE]", 6) ||
                memmem(c->body.data, c->body.length, "message_stop", 12);
    if (seen != promised || !ended) counts.lost++;
}

static void answered(Connection *c) {
    counts.answers++;
    if (c->message.status != 200) {
        if (!bad_status_seen++) fprintf(stderr, "%d: %.*s\n", c->message.status, (int)c->body.length, c->body.data);
        counts.bad_status++;
    } else if (options.check) check(c);
    note_latency(now_ns() - c->due);
    c->busy = c->fresh = 0;
    if (c->message.close) hang_up(c);
    if (options.rate) idle[idle_count++] = c;
    else ask(c, now_ns());
}

static void ended(Connection *c) {
    int had_answer = c->message.part != HEAD || c->in.length;
    int whole = c->message.part == UNTIL_CLOSE;
    hang_up(c);
    if (!c->busy) return;
    if (whole) {
        answered(c);
        return;
    }
    if (!had_answer && !c->fresh) counts.stale++;
    else counts.cut++;
    ask(c, c->due);
}

static void on_input(Connection *c) {
    reserve(&c->in, 1 << 17);
    ssize_t got = recv(c->fd, c->in.data + c->in.length, c->in.room - c->in.length, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        ended(c);
        return;
    }
    size_t before = c->body.length;
    c->in.length += got;
    counts.bytes += got;
    decode(&c->message, &c->in, &c->body);
    count_events(c, c->body.data + before, c->body.length - before);
    if (!options.check && c->message.status == 200) c->body.length = 0;
    if (c->message.part == BROKEN) {
        counts.cut++;
        hang_up(c);
        ask(c, c->due);
    } else if (c->message.part == WHOLE) answered(c);
}

static void read_body(void) {
    char piece[4096], line[256];
    FILE *file = fopen(options.body, "rb");
    size_t got;
    if (!file) fail(options.body);
    while ((got = fread(piece, 1, sizeof piece, file))) append(&content, piece, got);
    fclose(file);
    snprintf(line, sizeof line, "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n", options.path, options.port);
    append_text(&request, line);
    append(&request, headers.data, headers.length);
    append_text(&request, "content-type: application/json\r\n");
    if (options.vary) return;
    snprintf(line, sizeof line, "content-length: %zu\r\n\r\n", content.length);
    append_text(&request, line);
    append(&request, content.data, content.length);
    char *token = memmem(request.data, request.length, "[[0000000000000000]]", 20);
    if (options.check && !token) fail("--check needs a token in the body");
    token_at = token ? token + 2 - request.data : 0;
}

static void read_options(int count, char **arguments) {
    static const struct option known[] = {
        {"port", 1, 0, 'p'},    {"path", 1, 0, 'a'}, {"body", 1, 0, 'b'}, {"header", 1, 0, 'h'}, {"connections", 1, 0, 'c'},
        {"seconds", 1, 0, 's'}, {"warmup", 1, 0, 'w'}, {"ramp", 1, 0, 'r'}, {"rate", 1, 0, 'q'},   {"check", 0, 0, 'k'},
        {"vary", 0, 0, 'v'},
        {"chunks", 1, 0, 'n'},  {0}};
    int option;
    while ((option = getopt_long(count, arguments, "", known, NULL)) >= 0) {
        switch (option) {
        case 'p': options.port = atoi(optarg); break;
        case 'a': options.path = optarg; break;
        case 'b': options.body = optarg; break;
        case 'h': append_text(&headers, optarg), append_text(&headers, "\r\n"); break;
        case 'c': options.connections = atoi(optarg); break;
        case 's': options.seconds = atof(optarg); break;
        case 'w': options.warmup = atof(optarg); break;
        case 'r': options.ramp = atof(optarg); break;
        case 'q': options.rate = atof(optarg); break;
        case 'k': options.check = 1; break;
        case 'v': options.vary = 1; break;
        case 'n': options.chunks = atol(optarg); break;
        default: exit(2);
        }
    }
    if (!options.port || !options.body) fail("--port and --body are needed");
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double quantile(double share) {
    if (!latency_count) return 0;
    size_t at = share * latency_count;
    return latencies[at < latency_count ? at : latency_count - 1];
}

static void report(int64_t begun, int64_t end, long unfinished) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    qsort(latencies, latency_count, sizeof *latencies, by_size);
    printf("{\"seconds\":%.6f,\"answers\":%ld,\"bad_status\":%ld,\"mixed\":%ld,\"lost\":%ld,\"cut\":%ld,"
           "\"refused\":%ld,\"stale\":%ld,\"unfinished\":%ld,\"events\":%ld,\"bytes\":%ld,"
           "\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}\n",
           (end - begun) / 1e9, counts.answers, counts.bad_status, counts.mixed, counts.lost, counts.cut, counts.refused,
           counts.stale, unfinished, counts.events, counts.bytes, quantile(0.5), quantile(0.9), quantile(0.99),
           quantile(0.999), quantile(1));
    fflush(stdout);
}

/* Start what is due: further connections while ramping up, requests of the open loop. */
static int64_t start_due(int64_t started, int64_t now, int *opened, int64_t *next) {
    int64_t wake = -1, step = options.ramp * 1e9 / options.connections;
    while (*opened < options.connections && now >= started + *opened * step) {
        Connection *c = &all[(*opened)++];
        append(&c->request, request.data, request.length);
        c->fd = -1;
        if (options.rate) open_connection(c), idle[idle_count++] = c;
        else ask(c, now);
    }
    if (*opened < options.connections) wake = started + *opened * step;
    if (!options.rate || *opened < options.connections) return wake;
    if (!*next) *next = now;
    while (idle_count && *next <= now) {
        ask(idle[--idle_count], *next);
        *next += 1e9 / options.rate;
    }
    return idle_count ? *next : -1;
}

int main(int count, char **arguments) {
    struct epoll_event events[512];
    int opened = 0;
    read_options(count, arguments);
    raise_file_limit();
    read_body();
    epoll = epoll_create1(0);
    all = calloc(options.connections, sizeof *all);
    idle = calloc(options.connections, sizeof *idle);
    int64_t started = now_ns(), due = 0, begun = started + (int64_t)((options.warmup + options.ramp) * 1e9);
    int64_t end = begun + (int64_t)(options.seconds * 1e9), now;
    while ((now = now_ns()) < end || !measuring) {
        if (!measuring && now >= begun) {
            measuring = 1;
            begun = now;
            end = now + (int64_t)(options.seconds * 1e9);
            counts = (Counts){.refused = counts.refused};
            printf("begin\n");
            fflush(stdout);
        }
        int64_t wake = start_due(started, now, &opened, &due), until = measuring ? end : begun;
        int got = wait_events(epoll, events, 512, wake >= 0 && wake < until ? wake : until);
        for (int i = 0; i < got; i++) {
            Connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) flush(c);
            if (events[i].events & ~EPOLLOUT) on_input(c);
        }
        if (counts.refused > 1000) break;
    }
    /* What is still open in the open loop counts with the time it has taken, or a stall would go unseen. */
    long unfinished = 0;
    for (int i = 0; options.rate && i < opened; i++)
        if (all[i].busy && now - all[i].due > 1000000000) unfinished++, note_latency(now - all[i].due);
    while (options.rate && due && due < now && !idle_count) {
        if (now - due > 1000000000) unfinished++;
        note_latency(now - due);
        due += 1e9 / options.rate;
    }
    report(begun, now, unfinished);
    return 0;
}
