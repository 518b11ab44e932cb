#ifndef RELAY_WEBHOOK_PARSER_HPP
#define RELAY_WEBHOOK_PARSER_HPP

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "CSimdjson.h"

/// Thrown when a body is refused; caught at the C boundary (CSimdjson.cpp).
struct Refusal {
    webhook_fault fault;
    std::string message;
};

/// A range of the body in bytes.
struct Span {
    size_t start;
    size_t size;
};

struct webhook_parser {
    // The last body: the caller's bytes, and the views, most of which point into those bytes.
    const uint8_t *body = nullptr;
    size_t size = 0;
    webhook_payload payload{};
    /// The longest array or object among the body's fields, usually its alerts. Empty if there is none.
    Span longest{};
    std::string message;

    // Memory that is reused for the next body.
    std::vector<webhook_pair> pairs;
    std::vector<webhook_alert> alerts;
    std::vector<Span> raw_alerts;
    std::vector<uint32_t> order;

    void parse(const uint8_t *bytes, size_t count);
    /// Returns the text of a string with escapes. It is valid as long as the views.
    std::string_view unescape(std::string_view raw);
    void canonicalize(bool group_only, webhook_sink sink, void *context);
    size_t subset(const uint8_t *tiers, uint8_t tier, uint8_t *into) const;
    webhook_grafana grafana(size_t alert);
    void trim();

private:
    void clear();

    /// The unescaped strings, one after the other. Together they are at most as long as the body, so that the buffer is
    /// never reallocated.
    std::unique_ptr<char[]> unescaped;
    size_t unescaped_capacity = 0;
    size_t unescaped_size = 0;
    /// The strings and values of the last `grafana` call.
    std::unique_ptr<char[]> grafana_text;
    std::vector<webhook_pair> grafana_values;
};

inline webhook_string view(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view text_of(webhook_string string) { return {string.start, string.size}; }

/// Reads the fields of the parser's body, which must be valid JSON, into its payload. Throws Refusal
/// (PayloadReader.cpp).
void read_payload(webhook_parser &parser);

/// Validates the parser's body, which must be valid UTF-8, and reads its fields in one pass (UsualPayload.cpp). Returns
/// false if the body is not as Alertmanager and Grafana send it; then `read_payload` must judge it.
bool read_usual_payload(webhook_parser &parser);

#endif
