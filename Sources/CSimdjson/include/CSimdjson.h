#ifndef RELAY_CSIMDJSON_H
#define RELAY_CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Reads webhook bodies of version "4" with one simdjson DOM parser whose memory is reused from body to body.
///
/// One thread at a time. Whatever it hands out lives until its next parse, trim or destroy. No call throws.
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
    /// The one that is not the sender's fault.
    WEBHOOK_OUT_OF_MEMORY,
} webhook_fault;

enum {
    /// Arrays and objects inside one another, the body itself counted.
    WEBHOOK_DEPTH_LIMIT = 64,
    /// Bytes after a body that simdjson may read (never write) and whose content does not matter.
    WEBHOOK_PADDING = 64,
};

/// NULL when there is no memory.
webhook_parser *webhook_parser_create(void);
void webhook_parser_destroy(webhook_parser *parser);

/// Checks a whole body and fills `payload` with views of it.
///
/// `readable` counts the bytes that may be read from `body` on; with fewer than `size + WEBHOOK_PADDING` the body is
/// copied first. `body` must stay as it is until the last use of `webhook_parser_subset` for it.
webhook_fault webhook_parser_parse(
    webhook_parser *parser, const uint8_t *body, size_t size, size_t readable, webhook_payload *payload);

/// What is wrong with the last body and where, one line of valid UTF-8; empty when nothing is.
webhook_string webhook_parser_message(const webhook_parser *parser);

/// The bytes whose hash is the dedupe key of the last body; see Canonical.cpp for the layout. `group_size` is the
/// length of the prefix that identifies the group (receiver and group key). `start` is NULL when there is no memory.
webhook_string webhook_parser_canonical(webhook_parser *parser, size_t *group_size);

/// The last body with only those alerts whose entry in `tiers` (one byte an alert) is `tier`, everything else byte for
/// byte as it came. Writes it to `into`, or nothing when that is NULL; returns its size, 0 when there is no memory.
size_t webhook_parser_subset(webhook_parser *parser, const uint8_t *tiers, uint8_t tier, uint8_t *into);

/// Gives back the memory that a huge body took; does nothing after an ordinary one.
void webhook_parser_trim(webhook_parser *parser);

#ifdef __cplusplus
}
#endif

#endif
