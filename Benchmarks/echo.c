// The baseline of the benchmark: a bare evhttp server. It reads each request's body and sends the relay's response, so
// that the difference is the cost of parsing, the journal and Swift.
//
//     cc -O2 echo.c -levent -o echo && ./echo 8095
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char answer[] = "{\"status\":\"ok\",\"processed\":2}";

static void reply(struct evhttp_request *request, void *unused) {
    (void)unused;
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(input);
    char *body = malloc(size + 1);
    if (body == NULL || evbuffer_copyout(input, body, size) != (ev_ssize_t)size) {
        free(body);
        evhttp_send_error(request, HTTP_INTERNAL, NULL);
        return;
    }
    free(body);

    char length[24];
    snprintf(length, sizeof length, "%zu", sizeof answer - 1);
    struct evkeyvalq *fields = evhttp_request_get_output_headers(request);
    evhttp_add_header(fields, "Content-Type", "application/json");
    evhttp_add_header(fields, "Content-Length", length);
    struct evbuffer *output = evbuffer_new();
    evbuffer_add(output, answer, sizeof answer - 1);
    evhttp_send_reply(request, HTTP_OK, NULL, output);
    evbuffer_free(output);
}

static void stop(evutil_socket_t number, short events, void *base) {
    (void)number;
    (void)events;
    event_base_loopbreak(base);
}

int main(int count, char **arguments) {
    int port = count == 2 ? atoi(arguments[1]) : 0;
    if (port <= 0 || port > 65535) {
        fprintf(stderr, "usage: %s PORT\n", arguments[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    struct event *terminated = evsignal_new(base, SIGTERM, stop, base);
    event_add(terminated, NULL);
    evhttp_set_gencb(http, reply, NULL);
    if (evhttp_bind_socket(http, "127.0.0.1", (ev_uint16_t)port) != 0) {
        fprintf(stderr, "cannot listen on 127.0.0.1:%d\n", port);
        return 1;
    }
    event_base_dispatch(base);
    event_free(terminated);
    evhttp_free(http);
    event_base_free(base);
    return 0;
}
