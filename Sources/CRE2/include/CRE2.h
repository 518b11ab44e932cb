#ifndef RELAY_CRE2_H
#define RELAY_CRE2_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A regular expression compiled by RE2. Immutable: any number of threads may use it at once. No function throws.
typedef struct label_pattern label_pattern;

typedef enum {
    LABEL_PATTERN_NO_MATCH = 0,
    LABEL_PATTERN_MATCH = 1,
    /// The value's size times the program's size exceeds `LABEL_PATTERN_STEP_LIMIT`, or memory is short.
    LABEL_PATTERN_TOO_MUCH_WORK = 2,
} label_pattern_result;

enum {
    /// Bytes for the compiled program and RE2's state cache. A pattern whose program alone needs more is refused.
    LABEL_PATTERN_MEMORY_LIMIT = 1 << 20,
    /// RE2's worst case is one step per instruction and byte of the value. The limit takes about a second.
    LABEL_PATTERN_STEP_LIMIT = 1 << 28,
};

/// Compiles `^(?:text)$`, as Alertmanager does. Returns NULL if RE2 refuses the pattern, with the reason in `message`,
/// a terminated string that is truncated to `capacity`.
label_pattern *label_pattern_compile(const char *text, size_t size, char *message, size_t capacity);
void label_pattern_destroy(label_pattern *pattern);

label_pattern_result label_pattern_match(const label_pattern *pattern, const char *value, size_t size);

#ifdef __cplusplus
}
#endif

#endif
