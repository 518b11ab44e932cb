#ifndef RELAY_CSIMDJSON_H
#define RELAY_CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Reads webhook bodies of version "4": checks that they are JSON, with simdjson for their UTF-8, and makes views of what is
/// needed. Besides the body it takes at most one body more, where strings have escapes, and 27 MiB of views.
///
/// Any thread, but one at a time. Whatever it hands out lives until its next parse, trim or destroy. No call throws.
typedef struct webhook_parser webhook_parser;

/// Bytes of valid UTF-8 without a terminator. `start` is never NULL unless the field's comment says so.
typedef struct {
    const char *start;
    size_t size;
} webhook_string;

typedef struct {
    webhook_string name;
    webhook_string value;
} webhook_pair;

/// A run of `webhook_payload.pairs`, sorted by name (bytewise), no name twice.
typedef struct {
    size_t first;
    size_t count;
} webhook_pairs;

typedef struct {
    webhook_pairs labels;
    webhook_pairs annotations;
    /// The label `severity`; `start` is NULL where the alert has none.
    webhook_string severity;
    /// As sent and not looked into; `start` is NULL where absent.
    webhook_string starts_at;
    webhook_string ends_at;
    webhook_string generator_url;
    webhook_string fingerprint;
    bool resolved;
} webhook_alert;

typedef struct {
    webhook_string receiver;
    webhook_string group_key;
    webhook_string external_url;
    /// `start` is NULL where absent (Alertmanager before 0.32).
    webhook_string notification_reason;
    webhook_pairs group_labels;
    webhook_pairs common_labels;
    webhook_pairs common_annotations;
    int64_t truncated_alerts;
    const webhook_pair *pairs;
    const webhook_alert *alerts;
    size_t alert_count;
    bool resolved;
} webhook_payload;

/// Why a body is refused. The metric's label values are made of these, so they are few.
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
    WEBHOOK_WRONG_VALUE,
    WEBHOOK_DUPLICATE_NAME,
    /// Above WEBHOOK_ALERT_LIMIT or WEBHOOK_PAIR_LIMIT.
    WEBHOOK_TOO_MANY,
    /// The one that is not the sender's fault.
    WEBHOOK_OUT_OF_MEMORY,
} webhook_fault;

enum {
    /// Arrays and objects inside one another, the body itself counted.
    WEBHOOK_DEPTH_LIMIT = 64,
    WEBHOOK_ALERT_LIMIT = 65536,
    /// Labels and annotations, those of the group counted.
    WEBHOOK_PAIR_LIMIT = 524288,
    /// A larger `truncatedAlerts` counts as this one, so that sums of it do not overflow.
    WEBHOOK_TRUNCATED_LIMIT = 1000000000,
};

/// NULL when there is no memory.
webhook_parser *webhook_parser_create(void);
void webhook_parser_destroy(webhook_parser *parser);

/// Checks a whole body and fills `payload` with views of it.
///
/// `body` must stay as it is until the last use of the views: most of them are of its bytes.
webhook_fault webhook_parser_parse(
    webhook_parser *parser, const uint8_t *body, size_t size, webhook_payload *payload);

/// The value of the pair of this name in a run of `webhook_payload.pairs`; `start` is NULL if there is none.
webhook_string webhook_payload_value(const webhook_pair *pairs, webhook_pairs run, const char *name, size_t size);

/// What is wrong with the last body and where, one line of valid UTF-8; empty when nothing is.
webhook_string webhook_parser_message(const webhook_parser *parser);

/// Takes some bytes that live during the call.
typedef void (*webhook_sink)(void *context, const uint8_t *bytes, size_t size);

/// Hands the bytes whose hash is the dedupe key of the last body to `sink`, piece by piece; see Canonical.cpp for the
/// layout. With `group_only` just the prefix that identifies the group (receiver and group key). False when there is no
/// memory.
bool webhook_parser_canonical(webhook_parser *parser, bool group_only, webhook_sink sink, void *context);

/// The last body with only those alerts whose entry in `tiers` (one byte an alert) is `tier`, everything else byte for
/// byte as it came. Writes it to `into`, or nothing when that is NULL; returns its size, 0 for a body without alerts.
size_t webhook_parser_subset(const webhook_parser *parser, const uint8_t *tiers, uint8_t tier, uint8_t *into);

/// Has the allocator map buffers of so many bytes and more one by one, for the whole program: freed they go back to the
/// system (mallopt(3), M_MMAP_THRESHOLD). A macro with that name is out of Swift's reach.
void webhook_memory_map_from(int bytes);

/// Gives back the memory that a huge body took; does nothing after an ordinary one.
void webhook_parser_trim(webhook_parser *parser);

#ifdef __cplusplus
}
#endif

#endif
