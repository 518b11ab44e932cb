// The durability of the relay in C: evhttp on one thread, and a group commit to SQLite on another, with the relay's
// pragmas, page size and checkpoints. It stores each body as it is, with one more row as the relay's key of a duplicate,
// and answers after the commit. It neither parses nor checks anything, so it shows what a program of this shape can
// reach on this disk.
//
//     cc -O2 durable.c -levent -lsqlite3 -lpthread -o durable && ./durable 8096 FOLDER
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct entry {
    struct entry *next;
    struct evhttp_request *request;
    int is_durable;
    size_t size;
    char body[];
};

enum { frames_per_checkpoint = 500, entries_per_commit = 128 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static struct entry *received, **received_end = &received;
static struct entry *done, **done_end = &done;
static int wake_up;
static int frames;

static const char answer[] = "{\"status\":\"ok\",\"processed\":2}";

static void fail(const char *what, const char *why) {
    fprintf(stderr, "durable: %s: %s\n", what, why);
    exit(1);
}

// The commit's thread.

static void execute(sqlite3 *database, const char *sql) {
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK) fail(sql, sqlite3_errmsg(database));
}

static sqlite3_stmt *prepare(sqlite3 *database, const char *sql) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
        fail(sql, sqlite3_errmsg(database));
    return statement;
}

static void run(sqlite3 *database, sqlite3_stmt *statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) fail("step", sqlite3_errmsg(database));
    sqlite3_reset(statement);
}

static int note_frames(void *unused, sqlite3 *database, const char *name, int count) {
    (void)unused, (void)database, (void)name;
    frames = count;
    return SQLITE_OK;
}

static void *commit_all(void *path) {
    sqlite3 *database = NULL;
    if (sqlite3_open(path, &database) != SQLITE_OK) fail(path, "cannot be opened");
    execute(database,
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;"
            "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = OFF;"
            "CREATE TABLE notification (id INTEGER PRIMARY KEY, group_id INTEGER NOT NULL, accepted_at INTEGER NOT NULL,"
            "crc INTEGER NOT NULL, body BLOB NOT NULL);"
            "CREATE TABLE seen (id INTEGER PRIMARY KEY, key BLOB NOT NULL, at INTEGER NOT NULL);");
    sqlite3_wal_hook(database, note_frames, NULL);
    sqlite3_stmt *begin = prepare(database, "BEGIN IMMEDIATE"), *commit = prepare(database, "COMMIT");
    sqlite3_stmt *insert = prepare(database, "INSERT INTO notification VALUES (?, ?, ?, ?, ?)");
    sqlite3_stmt *see = prepare(database, "INSERT INTO seen VALUES (?, ?, ?)");
    sqlite3_int64 id = 0;
    for (;;) {
        pthread_mutex_lock(&lock);
        while (received == NULL) pthread_cond_wait(&arrived, &lock);
        struct entry *batch = received, *last = batch;
        for (int count = 1; count < entries_per_commit && last->next != NULL; count++) last = last->next;
        received = last->next;
        if (received == NULL) received_end = &received;
        last->next = NULL;
        pthread_mutex_unlock(&lock);

        sqlite3_int64 now = (sqlite3_int64)time(NULL);
        run(database, begin);
        for (struct entry *entry = batch; entry != NULL; entry = entry->next) {
            id++;
            unsigned char key[32] = {0};
            memcpy(key, &id, sizeof id);
            sqlite3_bind_int64(insert, 1, id);
            sqlite3_bind_int64(insert, 2, id);
            sqlite3_bind_int64(insert, 3, now);
            sqlite3_bind_int64(insert, 4, 0);
            sqlite3_bind_blob64(insert, 5, entry->body, entry->size, SQLITE_STATIC);
            run(database, insert);
            sqlite3_bind_int64(see, 1, id);
            sqlite3_bind_blob(see, 2, key, sizeof key, SQLITE_TRANSIENT);
            sqlite3_bind_int64(see, 3, now);
            run(database, see);
            entry->is_durable = 1;
        }
        run(database, commit);

        pthread_mutex_lock(&lock);
        *done_end = batch;
        done_end = &last->next;
        pthread_mutex_unlock(&lock);
        uint64_t one = 1;
        if (write(wake_up, &one, sizeof one) != sizeof one) fail("eventfd", "cannot be written");
        if (frames >= frames_per_checkpoint) {
            if (sqlite3_wal_checkpoint_v2(database, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) != SQLITE_OK)
                fail("checkpoint", sqlite3_errmsg(database));
            frames = 0;
        }
    }
    return NULL;
}

// The loop's thread.

static void receive(struct evhttp_request *request, void *unused) {
    (void)unused;
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(input);
    struct entry *entry = malloc(sizeof *entry + size);
    if (entry == NULL || evbuffer_copyout(input, entry->body, size) != (ev_ssize_t)size) {
        free(entry);
        evhttp_send_error(request, HTTP_INTERNAL, NULL);
        return;
    }
    entry->next = NULL;
    entry->request = request;
    entry->is_durable = 0;
    entry->size = size;
    pthread_mutex_lock(&lock);
    *received_end = entry;
    received_end = &entry->next;
    pthread_cond_signal(&arrived);
    pthread_mutex_unlock(&lock);
}

static void reply(evutil_socket_t descriptor, short events, void *unused) {
    (void)events, (void)unused;
    uint64_t count;
    if (read(descriptor, &count, sizeof count) != sizeof count) return;
    pthread_mutex_lock(&lock);
    struct entry *entry = done;
    done = NULL;
    done_end = &done;
    pthread_mutex_unlock(&lock);
    while (entry != NULL) {
        struct evkeyvalq *fields = evhttp_request_get_output_headers(entry->request);
        char length[24];
        snprintf(length, sizeof length, "%zu", sizeof answer - 1);
        evhttp_add_header(fields, "Content-Type", "application/json");
        evhttp_add_header(fields, "Content-Length", length);
        struct evbuffer *output = evbuffer_new();
        evbuffer_add(output, answer, sizeof answer - 1);
        evhttp_send_reply(entry->request, entry->is_durable ? HTTP_OK : HTTP_INTERNAL, NULL, output);
        evbuffer_free(output);
        struct entry *next = entry->next;
        free(entry);
        entry = next;
    }
}

static void stop(evutil_socket_t number, short events, void *unused) {
    (void)number, (void)events, (void)unused;
    _exit(0);
}

int main(int count, char **arguments) {
    int port = count == 3 ? atoi(arguments[1]) : 0;
    if (port <= 0 || port > 65535) {
        fprintf(stderr, "usage: %s PORT FOLDER\n", arguments[0]);
        return 2;
    }
    static char path[4096];
    snprintf(path, sizeof path, "%s/durable.db", arguments[2]);
    signal(SIGPIPE, SIG_IGN);
    wake_up = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    event_add(evsignal_new(base, SIGTERM, stop, NULL), NULL);
    event_add(event_new(base, wake_up, EV_READ | EV_PERSIST, reply, NULL), NULL);
    evhttp_set_gencb(http, receive, NULL);
    if (evhttp_bind_socket(http, "127.0.0.1", (ev_uint16_t)port) != 0) fail("listen", "the port is in use");
    pthread_t thread;
    if (pthread_create(&thread, NULL, commit_all, path) != 0) fail("pthread_create", "failed");
    event_base_dispatch(base);
    return 1;
}
