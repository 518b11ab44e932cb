#include <malloc.h>
#include <sqlite3.h>
#include <sys/vfs.h>

/// Binds a text that SQLite copies before it returns. SQLITE_TRANSIENT is a cast that Swift cannot import.
static inline int relay_sqlite3_bind_text_copy(sqlite3_stmt *statement, int index, const char *text, int length) {
    return sqlite3_bind_text(statement, index, text, length, SQLITE_TRANSIENT);
}

static inline int relay_sqlite3_bind_blob_copy(
    sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 size) {
    return sqlite3_bind_blob64(statement, index, bytes, size, SQLITE_TRANSIENT);
}

/// Disables the checkpoint on close, so that a damaged or foreign database stays unchanged. In C because
/// sqlite3_db_config is variadic.
static inline int relay_sqlite3_no_checkpoint_on_close(sqlite3 *connection) {
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}
