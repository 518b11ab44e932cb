#ifndef RELAY_WEBHOOK_PARSER_HPP
#define RELAY_WEBHOOK_PARSER_HPP

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <simdjson.h>

#include "CSimdjson.h"

static_assert(WEBHOOK_PADDING >= simdjson::SIMDJSON_PADDING, "the listener's spare capacity must suffice");

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
    simdjson::dom::parser json;

    // The last body: its bytes as the caller gave them, its views, and where `alerts` stands among its fields.
    const uint8_t *body = nullptr;
    size_t size = 0;
    webhook_payload payload{};
    size_t alerts_field = 0;
    std::string message;

    // Memory that is reused from body to body.
    std::vector<uint8_t> padded;
    std::vector<webhook_pair> pairs;
    std::vector<webhook_alert> alerts;
    std::vector<uint8_t> canonical;
    std::vector<uint8_t> sorted;
    std::vector<Span> canonical_alerts;
    std::vector<Span> raw_alerts;

    webhook_parser();
    void parse(const uint8_t *bytes, size_t count, size_t readable);
    webhook_string canonicalize(size_t &group_size);
    size_t subset(const uint8_t *tiers, uint8_t tier, uint8_t *into);
    void trim();

private:
    simdjson::dom::element parse_json(size_t readable);
    uint8_t *copy_of_body();
    void find_raw_alerts();
};

inline webhook_string view(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view text_of(webhook_string string) { return {string.start, string.size}; }

/// Reads the object's fields into the parser's payload; throws Refusal (PayloadReader.cpp).
void read_payload(webhook_parser &parser, simdjson::dom::object object);

#endif
