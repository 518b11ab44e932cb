#include "CSimdjson.h"

#include <new>

#include "WebhookParser.hpp"

// The C boundary: every C++ exception ends here, as a fault or as nothing.

webhook_parser *webhook_parser_create(void) {
    try {
        return new webhook_parser();
    } catch (...) {
        return nullptr;
    }
}

void webhook_parser_destroy(webhook_parser *parser) { delete parser; }

webhook_fault webhook_parser_parse(
    webhook_parser *parser, const uint8_t *body, size_t size, size_t readable, webhook_payload *payload) {
    try {
        parser->message.clear();
        parser->parse(body, size, readable);
        *payload = parser->payload;
        return WEBHOOK_OK;
    } catch (Refusal &refusal) {
        parser->message = std::move(refusal.message);
        return refusal.fault;
    } catch (...) {
        // Only memory can run out here; the words fit a string's own storage or are none.
        parser->message.clear();
        return WEBHOOK_OUT_OF_MEMORY;
    }
}

webhook_string webhook_parser_message(const webhook_parser *parser) { return view(parser->message); }

webhook_string webhook_parser_canonical(webhook_parser *parser, size_t *group_size) {
    try {
        return parser->canonicalize(*group_size);
    } catch (...) {
        return {nullptr, 0};
    }
}

size_t webhook_parser_subset(webhook_parser *parser, const uint8_t *tiers, uint8_t tier, uint8_t *into) {
    try {
        return parser->subset(tiers, tier, into);
    } catch (...) {
        return 0;
    }
}

void webhook_parser_trim(webhook_parser *parser) {
    try {
        parser->trim();
    } catch (...) {
        // The next parse asks for memory again and reports what it finds.
    }
}
