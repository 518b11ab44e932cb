#ifndef RELAY_CMUSTACHE_H
#define RELAY_CMUSTACHE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A Mustache template. Immutable: any number of threads may render it at once. No function throws.
typedef struct mustache_template mustache_template;

/// What a name refers to.
typedef enum {
    /// Nothing, or a value that counts as false.
    MUSTACHE_NOTHING = 0,
    /// A single value or object: the node `first`.
    MUSTACHE_NODE = 1,
    /// A list of the `count` nodes from `first` on.
    MUSTACHE_LIST = 2,
} mustache_kind;

typedef struct {
    mustache_kind kind;
    uint32_t first;
    uint32_t count;
} mustache_value;

typedef enum {
    MUSTACHE_DONE = 0,
    /// A limit was exceeded, or memory is short.
    MUSTACHE_TOO_MUCH = 1,
} mustache_result;

enum {
    /// The most sections that contain each other.
    MUSTACHE_DEPTH_LIMIT = 16,
    /// The most names that one rendering looks up.
    MUSTACHE_LOOKUP_LIMIT = 20000,
    /// The number of rendered sections times the size of the template, in bytes. No rendering writes more than this and
    /// the marks of its values.
    MUSTACHE_WORK_LIMIT = 1 << 22,
    /// The most bytes of a result.
    MUSTACHE_OUTPUT_LIMIT = 1 << 20,
};

/// Bytes that frame a value in a result: MUSTACHE_ESCAPED if a plain tag wrote it, MUSTACHE_OPEN, the number of the node,
/// MUSTACHE_CLOSE. A template must not contain them.
enum { MUSTACHE_ESCAPED = 1, MUSTACHE_OPEN = 2, MUSTACHE_CLOSE = 3 };

/// Finds a dotted name. `stack` has the nodes of the open sections, the outermost first.
typedef mustache_value (*mustache_lookup)(
    void *context, const uint32_t *stack, size_t depth, const char *name, size_t size);

/// Receives the result.
typedef void (*mustache_write)(void *context, const char *bytes, size_t size);

/// Compiles a template. Returns NULL if it is invalid, with the reason in `message`, a terminated string that is truncated
/// to `capacity`, and with the position of the tag in `offset`. The caller limits the size and the depth of sections: the
/// engine recurses.
mustache_template *mustache_template_compile(
    const char *text, size_t size, size_t *offset, char *message, size_t capacity);
void mustache_template_destroy(mustache_template *compiled);

/// Renders with the nodes of `stack` as the outermost scopes. `write` is called once at the end, only if the result is
/// MUSTACHE_DONE.
mustache_result mustache_template_render(
    const mustache_template *compiled, const uint32_t *stack, size_t depth, mustache_lookup lookup, mustache_write write,
    void *context);

#ifdef __cplusplus
}
#endif

#endif
