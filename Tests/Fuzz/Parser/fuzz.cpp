#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "CSimdjson.h"

// Fuzzes the C++ parser under AddressSanitizer and UndefinedBehaviorSanitizer. Every subset of an accepted body must be
// accepted too and contain exactly the marked alerts.

namespace {

void check(bool holds) {
    if (!holds) { std::abort(); }
}

void append(void *context, const uint8_t *bytes, size_t size) {
    static_cast<std::string *>(context)->append(reinterpret_cast<const char *>(bytes), size);
}

std::string canonical(webhook_parser *parser, bool group_only) {
    std::string result;
    check(webhook_parser_canonical(parser, group_only, append, &result));
    return result;
}

/// Reads every byte of a view.
size_t touch(webhook_string text) {
    size_t sum = 0;
    for (size_t at = 0; at < text.size; at++) { sum += static_cast<unsigned char>(text.start[at]); }
    return sum;
}

size_t touch(const webhook_payload &payload) {
    size_t sum = touch(payload.receiver) + touch(payload.group_key) + touch(payload.external_url)
        + touch(payload.notification_reason);
    auto pairs = [&](webhook_pairs run) {
        for (size_t at = run.first; at < run.first + run.count; at++) {
            const webhook_pair &pair = payload.pairs[at];
            sum += touch(pair.name) + touch(pair.value);
            webhook_string found = webhook_payload_value(payload.pairs, run, pair.name.start, pair.name.size);
            check(found.start == pair.value.start && found.size == pair.value.size);
        }
    };
    pairs(payload.group_labels);
    pairs(payload.common_labels);
    pairs(payload.common_annotations);
    for (size_t at = 0; at < payload.alert_count; at++) {
        const webhook_alert &alert = payload.alerts[at];
        pairs(alert.labels);
        pairs(alert.annotations);
        sum += touch(alert.severity) + touch(alert.starts_at) + touch(alert.ends_at) + touch(alert.generator_url)
            + touch(alert.fingerprint);
    }
    return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static webhook_parser *parser = webhook_parser_create();
    static webhook_parser *other = webhook_parser_create();
    // A copy of the exact size, so that the sanitizer detects a read beyond the end.
    std::vector<uint8_t> body(bytes, bytes + size);
    webhook_payload payload{};
    if (webhook_parser_parse(parser, body.data(), body.size(), &payload) != WEBHOOK_OK) {
        check(webhook_parser_message(parser).size > 0);
        return 0;
    }
    volatile size_t sum = touch(payload);
    static_cast<void>(sum);
    std::string whole = canonical(parser, false);
    check(whole.compare(0, canonical(parser, true).size(), canonical(parser, true)) == 0);
    std::vector<uint8_t> marks(payload.alert_count);
    for (size_t at = 0; at < marks.size(); at++) { marks[at] = static_cast<uint8_t>(at * 7 / 3 % 3); }
    for (uint8_t mark = 0; mark < 3; mark++) {
        size_t count = static_cast<size_t>(std::count(marks.begin(), marks.end(), mark));
        if (count == 0) { continue; }
        std::vector<uint8_t> part(webhook_parser_subset(parser, marks.data(), mark, nullptr));
        check(webhook_parser_subset(parser, marks.data(), mark, part.data()) == part.size());
        webhook_payload of_part{};
        check(webhook_parser_parse(other, part.data(), part.size(), &of_part) == WEBHOOK_OK);
        check(of_part.alert_count == count);
        check(canonical(other, true) == canonical(parser, true));
        if (count == payload.alert_count) { check(canonical(other, false) == whole || payload.resolved != of_part.resolved); }
    }
    return 0;
}
