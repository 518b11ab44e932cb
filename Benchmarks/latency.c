/* Measures the time from a webhook to its message in the room. Plays Alertmanager and a Rocket.Chat without delay.
 *
 *     latency RELAY_PORT ROOM_PORT BODY PER_SECOND COUNT
 *     latency --disk FILE
 *
 * Posts COUNT webhooks at a steady rate over one kept-alive connection, from the file BODY with a number after each
 * "HighCPUUsage". The room finds the numbers in the messages. Prints, in ms, p50 and p99 of three times: from sending
 * the webhook to its 200, from its 200 to the message's last byte at the room, and from sending to the message. The
 * first tenth is not counted. Then prints how many webhooks no message names after ten seconds.
 *
 * With --disk prints p50 and p99 of writing 8 KiB to a new file of 8 MiB and fdatasync: what a commit needs at least. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 100000 };
static const char mark[] = "HighCPUUsage";
/* In ms; 0 until it happens. Each element is written once, by one thread; main reads them after a 0 has changed. */
static double sent[MOST], accepted[MOST];
static _Atomic double delivered[MOST];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* Receives one HTTP message with a Content-Length. Returns its size, or 0 if the connection ends. */
static size_t receive(int from, char *into, size_t size) {
    size_t used = 0;
    while (used + 1 < size) {
        ssize_t count = recv(from, into + used, size - used - 1, 0);
        if (count <= 0) return 0;
        used += (size_t)count;
        into[used] = 0;
        char *end = strstr(into, "\r\n\r\n");
        if (!end) continue;
        char *length = strcasestr(into, "\r\nContent-Length:");
        size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
        if (used >= (size_t)(end + 4 - into) + body) return used;
    }
    return 0;
}

static void *serve(void *argument) {
    int client = (int)(long)argument;
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"success\":true}";
    char *buffer = malloc(1 << 20);
    while (receive(client, buffer, 1 << 20)) {
        double time = now();
        if (send(client, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) break;
        for (char *found = buffer; (found = strstr(found, mark)); found += sizeof mark - 1) {
            unsigned long number = strtoul(found + sizeof mark - 1, NULL, 10);
            if (number < MOST && delivered[number] == 0) delivered[number] = time;
        }
    }
    free(buffer);
    close(client);
    return NULL;
}

static void *room(void *argument) {
    int listening = (int)(long)argument, on = 1;
    for (;;) {
        int client = accept(listening, NULL, NULL);
        if (client < 0) fail("accept");
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)(long)client)) fail("pthread_create");
        pthread_detach(thread);
    }
    return NULL;
}

static int compare(const void *first, const void *second) {
    double difference = *(const double *)first - *(const double *)second;
    return (difference > 0) - (difference < 0);
}

static void print(const char *name, double *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
    printf("%s_p50=%.2f %s_p99=%.2f ", name, values[count / 2], name, values[count * 99 / 100]);
}

static int disk(const char *path) {
    enum { SIZE = 8192, COUNT = 1000 };
    static char page[SIZE];
    static double times[COUNT];
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0) fail(path);
    // The write-ahead log is overwritten too, so that its size and blocks do not change.
    for (int pass = 0; pass < 2; pass++) {
        for (int index = 0; index < COUNT; index++) {
            double start = now();
            if (pwrite(file, page, SIZE, (off_t)index * SIZE) != SIZE) fail(path);
            if (pass && fdatasync(file)) fail("fdatasync");
            times[index] = now() - start;
        }
        if (!pass && fsync(file)) fail("fsync");
    }
    print("disk", times, COUNT);
    puts("");
    return 0;
}

int main(int count, char **words) {
    if (count == 3 && !strcmp(words[1], "--disk")) return disk(words[2]);
    if (count != 6) return fprintf(stderr, "usage: latency RELAY_PORT ROOM_PORT BODY PER_SECOND COUNT\n"), 2;
    size_t total = strtoul(words[5], NULL, 10);
    double interval = 1e3 / strtod(words[4], NULL);
    if (total < 10 || total > MOST) return fprintf(stderr, "latency: COUNT must be 10 to %d\n", MOST), 2;

    FILE *file = fopen(words[3], "r");
    static char template[1 << 16], body[1 << 17], request[1 << 18], answer[1 << 16];
    if (!file || !fread(template, 1, sizeof template - 1, file)) fail(words[3]);
    fclose(file);

    int on = 1, listening = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    address.sin_port = htons((uint16_t)atoi(words[2]));
    if (bind(listening, (void *)&address, sizeof address) || listen(listening, 64)) fail("listen");
    pthread_t thread;
    if (pthread_create(&thread, NULL, room, (void *)(long)listening)) fail("pthread_create");

    int client = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons((uint16_t)atoi(words[1]));
    if (connect(client, (void *)&address, sizeof address)) fail("connect");
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

    double start = now();
    for (size_t number = 0; number < total; number++) {
        double wait = start + interval * (double)number - now();
        if (wait > 0) usleep((useconds_t)(wait * 1e3));
        char *end = body;
        for (char *from = template, *found; *from; from = found) {
            found = strstr(from + 1, mark);
            if (!found) found = from + strlen(from);
            if (!strncmp(from, mark, sizeof mark - 1)) {
                end += sprintf(end, "%s%05zu", mark, number);
                from += sizeof mark - 1;
            }
            end = mempcpy(end, from, (size_t)(found - from));
        }
        int size = sprintf(
            request,
            "POST /webhook HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
            (size_t)(end - body), (int)(end - body), body);
        sent[number] = now();
        if (send(client, request, (size_t)size, MSG_NOSIGNAL) != size) fail("send");
        if (!receive(client, answer, sizeof answer) || strncmp(answer, "HTTP/1.1 200 ", 13)) {
            fprintf(stderr, "latency: the relay refused a webhook: %.200s\n", answer);
            return 1;
        }
        accepted[number] = now();
    }
    size_t skipped = total / 10, counted = total - skipped;
    double *times[3], deadline = now() + 10e3;
    size_t missing = 0;
    for (int kind = 0; kind < 3; kind++) times[kind] = calloc(counted, sizeof(double));
    for (size_t number = skipped, index = 0; number < total; number++, index++) {
        // Where the relay falls behind, it folds webhooks, and a message of many has counts in place of some names.
        while (delivered[number] == 0 && now() < deadline) usleep(1000);
        if (delivered[number] == 0) {
            missing++;
            delivered[number] = deadline;
        }
        times[0][index] = accepted[number] - sent[number];
        times[1][index] = delivered[number] - accepted[number];
        times[2][index] = delivered[number] - sent[number];
    }
    print("accept", times[0], counted);
    print("deliver", times[1], counted);
    print("whole", times[2], counted);
    printf("missing=%zu\n", missing);
    return 0;
}
