/* Measures the time from fork to the first 200 of /-/ready.
 *
 *     start PORT RUNS SIGNAL FOLDER PROGRAM…
 *
 * Runs each PROGRAM serve in turn, RUNS times, and ends it with SIGNAL, a number. The environment has the settings; PORT must be
 * the port in RELAY_LISTEN. If FOLDER is not empty, it is removed before each run, so that the spool is new. Prints best
 * and median in ms for each program. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static int compare(const void *first, const void *second) {
    double difference = *(const double *)first - *(const double *)second;
    return (difference > 0) - (difference < 0);
}

static int delete(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status, (void)type, (void)place;
    return remove(path);
}

/* Whether the relay is ready. */
static int is_ready(int port) {
    static const char request[] = "GET /-/ready HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n";
    char answer[64] = "";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    address.sin_port = htons((uint16_t)port);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    int is_ready = connect(client, (void *)&address, sizeof address) == 0 &&
                   send(client, request, sizeof request - 1, MSG_NOSIGNAL) > 0 &&
                   recv(client, answer, sizeof answer - 1, 0) > 0 && !strncmp(answer, "HTTP/1.1 200 ", 13);
    close(client);
    return is_ready;
}

static double run(const char *program, int port, int signal) {
    double start = now();
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        for (int descriptor = 0; descriptor < 3; descriptor++) dup2(null, descriptor);
        execl(program, program, "serve", (char *)NULL);
        _exit(127);
    }
    double end = 0;
    while (end == 0) {
        if (is_ready(port)) end = now();
        else usleep(100);
        if (now() > start + 60e3 || waitpid(child, NULL, WNOHANG) != 0) break;
    }
    kill(child, end == 0 ? SIGKILL : signal);
    waitpid(child, NULL, 0);
    if (end == 0) fprintf(stderr, "start: %s did not become ready\n", program), exit(1);
    return end - start;
}

int main(int count, char **words) {
    if (count < 6) return fprintf(stderr, "usage: start PORT RUNS SIGNAL FOLDER PROGRAM…\n"), 2;
    int port = atoi(words[1]), runs = atoi(words[2]), programs = count - 5;
    if (runs < 1 || runs > 10000) return fprintf(stderr, "start: RUNS must be 1 to 10000\n"), 2;
    double *times = calloc((size_t)(programs * runs), sizeof *times);
    for (int index = 0; index < runs; index++) {
        for (int program = 0; program < programs; program++) {
            if (words[4][0]) nftw(words[4], delete, 8, FTW_DEPTH | FTW_PHYS);
            times[program * runs + index] = run(words[5 + program], port, atoi(words[3]));
        }
    }
    for (int program = 0; program < programs; program++) {
        double *own = times + program * runs;
        qsort(own, (size_t)runs, sizeof *own, compare);
        printf("best=%.1f median=%.1f %s\n", own[0], own[runs / 2], words[5 + program]);
    }
    return 0;
}
