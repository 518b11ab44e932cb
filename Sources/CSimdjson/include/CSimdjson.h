#ifndef RELAY_CSIMDJSON_H
#define RELAY_CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Parses webhook bodies of Alertmanager (version "4"), of Grafana ("1") and without a version: validates the JSON, with
/// simdjson for UTF-8, and makes views of the fields. An odd value is counted and treated as unknown (`webhook_oddity`).
/// Uses at most 27 MiB for views, and memory of the body's size if strings have escapes.
///
/// May be used on any thread, but by one at a time. Results are valid until the next parse, trim or destroy. No
/// function throws.
typedef struct webhook_parser webhook_parser;

/// Bytes of valid UTF-8 without a terminator. `start` is NULL only for fields whose comment says so.
typedef struct {
    const char *start;
    size_t size;
} webhook_string;

typedef struct {
    webhook_string name;
    webhook_string value;
} webhook_pair;

/// A range of `webhook_payload.pairs`, sorted by name (bytewise) without duplicates.
typedef struct {
    size_t first;
    size_t count;
} webhook_pairs;

typedef struct {
    webhook_pairs labels;
    webhook_pairs annotations;
    /// The label `severity`; `start` is NULL if the alert has none.
    webhook_string severity;
    /// As sent, not parsed: the text of a string, or the JSON of another value. `start` is NULL if absent.
    webhook_string starts_at;
    webhook_string ends_at;
    webhook_string generator_url;
    webhook_string fingerprint;
    bool resolved;
    /// Has fields that Alertmanager does not send; `webhook_parser_grafana` reads those of Grafana.
    bool has_more_fields;
} webhook_alert;

/// What Grafana sends of an alert beside Alertmanager's fields. A field that is absent or not a string has no `start`.
typedef struct {
    webhook_string silence_url;
    webhook_string dashboard_url;
    webhook_string panel_url;
    webhook_string image_url;
    webhook_string value_string;
    /// Names and the JSON of their numbers, at most WEBHOOK_VALUE_LIMIT, in the order of the body.
    const webhook_pair *values;
    size_t value_count;
} webhook_grafana;

/// A kind of value that is not as documented, and is treated as unknown. Each is a label value of a metric.
typedef enum {
    /// An element of `alerts` that is not an object; it is left out.
    WEBHOOK_ODD_ALERT,
    /// A field of a wrong type, or a status other than firing and resolved.
    WEBHOOK_ODD_FIELD,
    /// A label without a text: it is left out. A number or a boolean is taken as its text.
    WEBHOOK_ODD_LABEL,
    WEBHOOK_ODD_ANNOTATION,
    /// A name that an object has twice: the last value counts.
    WEBHOOK_ODD_DUPLICATE,
    /// A field that all senders set is absent or null.
    WEBHOOK_ODD_MISSING,
    WEBHOOK_ODDITIES,
} webhook_oddity;

typedef struct {
    webhook_string receiver;
    webhook_string group_key;
    webhook_string external_url;
    /// `start` is NULL if absent (Alertmanager before 0.32).
    webhook_string notification_reason;
    webhook_pairs group_labels;
    webhook_pairs common_labels;
    webhook_pairs common_annotations;
    int64_t truncated_alerts;
    const webhook_pair *pairs;
    const webhook_alert *alerts;
    size_t alert_count;
    bool resolved;
    /// The version is that of Grafana.
    bool is_grafana;
    /// Fields that only Grafana sends. A field that is absent or has a wrong type has no `start`.
    webhook_string title;
    webhook_string message;
    webhook_string state;
    /// The JSON of a number.
    webhook_string org_id;
    /// How many values of each kind (`webhook_oddity`) the body has.
    uint32_t oddities[WEBHOOK_ODDITIES];
} webhook_payload;

/// Why a body is refused. Each is a label value of a metric.
typedef enum {
    WEBHOOK_OK = 0,
    WEBHOOK_EMPTY,
    WEBHOOK_INVALID_UTF8,
    WEBHOOK_INVALID_JSON,
    WEBHOOK_TOO_DEEP,
    WEBHOOK_NOT_AN_OBJECT,
    WEBHOOK_NOT_A_WEBHOOK,
    WEBHOOK_WRONG_VERSION,
    WEBHOOK_MISSING_FIELD,
    WEBHOOK_WRONG_TYPE,
    /// Above WEBHOOK_ALERT_LIMIT or WEBHOOK_PAIR_LIMIT.
    WEBHOOK_TOO_MANY,
    /// The only fault that the sender does not cause.
    WEBHOOK_OUT_OF_MEMORY,
} webhook_fault;

enum {
    /// Nesting of arrays and objects, including the body itself.
    WEBHOOK_DEPTH_LIMIT = 64,
    WEBHOOK_ALERT_LIMIT = 131072,
    /// Labels and annotations, including those of the group.
    WEBHOOK_PAIR_LIMIT = 524288,
    /// The maximum of `truncatedAlerts`; larger values are reduced to it, so that sums do not overflow.
    WEBHOOK_TRUNCATED_LIMIT = 1000000000,
    WEBHOOK_VALUE_LIMIT = 32,
};

/// Returns NULL if memory is short.
webhook_parser *webhook_parser_create(void);
void webhook_parser_destroy(webhook_parser *parser);

/// Validates a body and fills `payload` with views of it.
///
/// `body` must not change until the last use of the views, most of which point into it.
webhook_fault webhook_parser_parse(
    webhook_parser *parser, const uint8_t *body, size_t size, webhook_payload *payload);

/// The value with this name in a range of `webhook_payload.pairs`; `start` is NULL if there is none.
webhook_string webhook_payload_value(const webhook_pair *pairs, webhook_pairs run, const char *name, size_t size);

/// Reads Grafana's fields of an alert of the last body. The views are valid until the next call. Returns false if memory is
/// short.
bool webhook_parser_grafana(webhook_parser *parser, size_t alert, webhook_grafana *grafana);

/// The fault in the last body and its place, as one line of valid UTF-8; empty if there is none.
webhook_string webhook_parser_message(const webhook_parser *parser);

/// Receives bytes, which are valid only during the call.
typedef void (*webhook_sink)(void *context, const uint8_t *bytes, size_t size);

/// Passes the canonical bytes of the last body to `sink` in pieces; their hash is the dedupe key. Canonical.cpp
/// describes the layout. With `group_only`, passes only the prefix that identifies the group (receiver and group key).
/// Returns false if memory is short.
bool webhook_parser_canonical(webhook_parser *parser, bool group_only, webhook_sink sink, void *context);

/// Writes the last body to `into`, with only the alerts whose entry in `tiers` (one byte per alert) is `tier`. All
/// other bytes are unchanged. Writes nothing if `into` is NULL. Returns the size, 0 for a body without alerts.
size_t webhook_parser_subset(const webhook_parser *parser, const uint8_t *tiers, uint8_t tier, uint8_t *into);

/// Sets the size from which the allocator maps each buffer separately, for the entire program, so that freed buffers
/// return to the system (mallopt(3), M_MMAP_THRESHOLD). Swift cannot import the macro.
void webhook_memory_map_from(int bytes);

/// Frees the memory of a body above 1 MiB; does nothing after a smaller one.
void webhook_parser_trim(webhook_parser *parser);

#ifdef __cplusplus
}
#endif

#endif
