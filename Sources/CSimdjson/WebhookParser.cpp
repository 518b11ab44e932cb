#include "WebhookParser.hpp"

#include <cstring>

#include "FaultLocator.hpp"
#include "LongIntegers.hpp"

namespace {

constexpr size_t usual_capacity = 64 * 1024;
/// Above this the memory a body took is given back after it: a DOM takes some twelve times the body.
constexpr size_t trim_above = 1024 * 1024;

webhook_fault fault_of(simdjson::error_code code) {
    switch (code) {
    case simdjson::EMPTY: return WEBHOOK_EMPTY;
    case simdjson::UTF8_ERROR: return WEBHOOK_INVALID_UTF8;
    case simdjson::DEPTH_ERROR: return WEBHOOK_TOO_DEEP;
    default: return WEBHOOK_INVALID_JSON;
    }
}

/// Whether an escape of a surrogate (`\ud800` to `\udfff`) may be in the text. simdjson 3.0.1 takes a lone low one for
/// a character and makes invalid UTF-8 of it, so that these texts are looked at again.
bool may_escape_surrogate(const uint8_t *bytes, size_t size) {
    const uint8_t *end = bytes + size;
    const uint8_t *at = bytes;
    while ((at = static_cast<const uint8_t *>(std::memchr(at, '\\', end - at))) != nullptr) {
        if (end - at > 2 && at[1] == 'u' && (at[2] | 0x20) == 'd') { return true; }
        at += 2;
        if (at >= end) { return false; }
    }
    return false;
}

template <typename Element> void release(std::vector<Element> &vector) { std::vector<Element>().swap(vector); }

void prepare(simdjson::dom::parser &json) {
    // simdjson refuses the level that reaches its limit.
    if (json.allocate(usual_capacity, WEBHOOK_DEPTH_LIMIT + 1)) { throw std::bad_alloc(); }
}

}  // namespace

webhook_parser::webhook_parser() { prepare(json); }

void webhook_parser::parse(const uint8_t *bytes, size_t count, size_t readable) {
    body = bytes;
    size = count;
    payload = {};
    pairs.clear();
    alerts.clear();
    raw_alerts.clear();
    simdjson::dom::object object;
    if (parse_json(readable).get(object)) {
        throw Refusal{WEBHOOK_NOT_AN_OBJECT, "the body is valid JSON but not an object"};
    }
    read_payload(*this, object);
}

simdjson::dom::element webhook_parser::parse_json(size_t readable) {
    if (size == 0) { throw Refusal{WEBHOOK_EMPTY, "the body is empty"}; }
    bool roomy = readable - size >= WEBHOOK_PADDING;
    simdjson::dom::element root;
    simdjson::error_code code = json.parse(roomy ? body : copy_of_body(), size, false).get(root);
    if (code == simdjson::NUMBER_ERROR) {
        uint8_t *copy = copy_of_body();
        if (shorten_long_integers(copy, copy + size)) { code = json.parse(copy, size, false).get(root); }
    }
    if (code == simdjson::MEMALLOC || code == simdjson::CAPACITY) { throw std::bad_alloc(); }
    if (code == simdjson::SUCCESS && !may_escape_surrogate(body, size)) { return root; }
    if (auto fault = locate_fault(body, size)) { throw Refusal{fault->fault, std::move(fault->message)}; }
    if (code == simdjson::SUCCESS) { return root; }
    throw Refusal{fault_of(code), std::string("the body is not JSON: ") + simdjson::error_message(code)};
}

uint8_t *webhook_parser::copy_of_body() {
    padded.resize(size + WEBHOOK_PADDING);
    std::memcpy(padded.data(), body, size);
    return padded.data();
}

void webhook_parser::trim() {
    if (size <= trim_above) { return; }
    release(padded);
    release(pairs);
    release(alerts);
    release(canonical);
    release(sorted);
    release(canonical_alerts);
    release(raw_alerts);
    payload = {};
    json = simdjson::dom::parser();
    prepare(json);
}
