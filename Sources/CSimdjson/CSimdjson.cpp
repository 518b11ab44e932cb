#include "CSimdjson.h"

#include <algorithm>
#include <new>

#include "WebhookParser.hpp"

// The C boundary: every C++ exception is caught here and becomes a fault, false or NULL.

webhook_parser *webhook_parser_create(void) {
    try {
        return new webhook_parser();
    } catch (...) {
        return nullptr;
    }
}

void webhook_parser_destroy(webhook_parser *parser) { delete parser; }

webhook_fault webhook_parser_parse(
    webhook_parser *parser, const uint8_t *body, size_t size, webhook_payload *payload) {
    try {
        parser->message.clear();
        parser->parse(body, size);
        *payload = parser->payload;
        return WEBHOOK_OK;
    } catch (Refusal &refusal) {
        parser->message = std::move(refusal.message);
        return refusal.fault;
    } catch (...) {
        // Only std::bad_alloc is possible. Clearing the message needs no memory.
        parser->message.clear();
        return WEBHOOK_OUT_OF_MEMORY;
    }
}

webhook_string webhook_payload_value(const webhook_pair *pairs, webhook_pairs run, const char *name, size_t size) {
    std::string_view wanted(name, size);
    const webhook_pair *begin = pairs + run.first;
    const webhook_pair *end = begin + run.count;
    const webhook_pair *found = std::lower_bound(begin, end, wanted, [](const webhook_pair &pair, std::string_view text) {
        return text_of(pair.name) < text;
    });
    return found != end && text_of(found->name) == wanted ? found->value : webhook_string{nullptr, 0};
}

bool webhook_parser_grafana(webhook_parser *parser, size_t alert, webhook_grafana *grafana) {
    try {
        *grafana = parser->grafana(alert);
        return true;
    } catch (...) {
        *grafana = {};
        return false;
    }
}

webhook_string webhook_parser_message(const webhook_parser *parser) { return view(parser->message); }

bool webhook_parser_canonical(webhook_parser *parser, bool group_only, webhook_sink sink, void *context) {
    try {
        parser->canonicalize(group_only, sink, context);
        return true;
    } catch (...) {
        return false;
    }
}

size_t webhook_parser_subset(const webhook_parser *parser, const uint8_t *tiers, uint8_t tier, uint8_t *into) {
    return parser->subset(tiers, tier, into);
}

void webhook_parser_trim(webhook_parser *parser) { parser->trim(); }
