#ifndef CSIMDJSON_H
#define CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Alertmanager's webhook body (version "4") read with simdjson: bytes in, views out.
//
// All views point into the parser and are valid until its next call to csj_parse. A parser belongs to one thread at a
// time. No C++ exception and no C++ type crosses this interface.

#ifdef __cplusplus
extern "C" {
#endif

/// How many readable bytes must follow the bytes given to csj_parse; their content does not matter.
enum { CSJ_PADDING = 64 };

typedef struct {
    const char *_Nullable bytes; ///< NULL where the field is absent.
    size_t size;
} csj_string;

typedef struct {
    csj_string name;
    csj_string value;
} csj_pair;

/// Pairs of one object, sorted by name: csj_payload.pairs[first ..< first + count].
typedef struct {
    size_t first;
    size_t count;
} csj_range;

typedef struct {
    bool is_resolved;
    csj_range labels;
    csj_range annotations;
    csj_string severity; ///< The label of that name.
    csj_string starts_at;
    csj_string ends_at;
    csj_string generator_url;
    csj_string fingerprint;
} csj_alert;

typedef struct {
    bool is_resolved;
    int64_t truncated_alerts;
    csj_string receiver;
    csj_string group_key;
    csj_string external_url;
    csj_string notification_reason;
    csj_range group_labels;
    csj_range common_labels;
    csj_range common_annotations;
    const csj_alert *_Nullable alerts;
    size_t alert_count;
    const csj_pair *_Nullable pairs;
} csj_payload;

typedef enum {
    CSJ_OK = 0,
    CSJ_INVALID_JSON,    ///< Not JSON, not UTF-8, or nested deeper than 64.
    CSJ_WRONG_SHAPE,     ///< JSON, but not a webhook body.
    CSJ_WRONG_VERSION,   ///< A webhook body of another version.
    CSJ_DUPLICATE_KEY,   ///< A key stands twice in an object that is read.
} csj_result;

typedef struct csj_parser csj_parser;

csj_parser *_Nonnull csj_parser_create(void);
void csj_parser_free(csj_parser *_Nonnull parser);

/// Reads a body of `size` bytes that CSJ_PADDING more readable bytes follow.
csj_result csj_parse(csj_parser *_Nonnull parser, const uint8_t *_Nullable bytes, size_t size,
                     csj_payload *_Nonnull payload);

/// What was wrong with the body that csj_parse refused, and where: `alerts[3].labels.severity: expected a string, …`.
const char *_Nonnull csj_error(const csj_parser *_Nonnull parser);

/// The content that makes two payloads the same notification, in one unambiguous form: every string with its length
/// before it; alerts sorted by fingerprint; of a firing alert no endsAt.
csj_string csj_canonical(csj_parser *_Nonnull parser);

/// The parsed body again, minified, with only the alerts whose byte in `keep` is not 0.
csj_string csj_subset(csj_parser *_Nonnull parser, const uint8_t *_Nonnull keep);

#ifdef __cplusplus
}
#endif

#endif
