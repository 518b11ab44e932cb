#ifndef RELAY_WEBHOOK_PARSER_HPP
#define RELAY_WEBHOOK_PARSER_HPP

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "CSimdjson.h"

/// A body refused on the way; caught at the C boundary (CSimdjson.cpp).
struct Refusal {
    webhook_fault fault;
    std::string message;
};

/// Where a span of the body lies, in bytes.
struct Span {
    size_t start;
    size_t size;
};

struct webhook_parser {
    // The last body: its bytes as the caller gave them, and its views, most of them into those bytes.
    const uint8_t *body = nullptr;
    size_t size = 0;
    webhook_payload payload{};
    /// The longest array or object among the body's fields: its alerts, as a rule. Empty where it has none.
    Span longest{};
    std::string message;

    // Memory that is reused from body to body.
    std::vector<webhook_pair> pairs;
    std::vector<webhook_alert> alerts;
    std::vector<Span> raw_alerts;
    std::vector<uint32_t> order;

    void parse(const uint8_t *bytes, size_t count);
    /// The text of a string that has escapes; lives as long as the views do.
    std::string_view unescape(std::string_view raw);
    void canonicalize(bool group_only, webhook_sink sink, void *context);
    size_t subset(const uint8_t *tiers, uint8_t tier, uint8_t *into) const;
    void trim();

private:
    /// Strings that had escapes, one after the other: never longer together than the body, so that they stay put.
    std::unique_ptr<char[]> unescaped;
    size_t unescaped_capacity = 0;
    size_t unescaped_size = 0;
};

inline webhook_string view(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view text_of(webhook_string string) { return {string.start, string.size}; }

/// Reads the fields of the parser's body, which is known to be JSON, into its payload; throws Refusal
/// (PayloadReader.cpp).
void read_payload(webhook_parser &parser);

#endif
