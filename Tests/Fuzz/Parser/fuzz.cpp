#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "CSimdjson.h"

// Fuzzes the C++ parser under AddressSanitizer and UndefinedBehaviorSanitizer. Every subset of an accepted body must be
// accepted too and contain exactly the marked alerts. The reader of usual bodies must agree with the general one.

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

/// Everything that was read, as text.
std::string written(const webhook_payload &payload, bool has_duplicates) {
    std::string result;
    auto add = [&](webhook_string text) {
        result += std::to_string(text.size) + (text.start == nullptr ? "absent" : ":");
        if (text.size > 0) { result.append(text.start, text.size); }
    };
    auto add_pairs = [&](webhook_pairs run) {
        result += std::to_string(run.count) + "pairs";
        for (size_t at = run.first; at < run.first + run.count; at++) {
            add(payload.pairs[at].name);
            add(payload.pairs[at].value);
        }
    };
    for (webhook_string text :
         {payload.receiver, payload.group_key, payload.external_url, payload.notification_reason, payload.title,
          payload.message, payload.state, payload.org_id}) {
        add(text);
    }
    for (webhook_pairs run : {payload.group_labels, payload.common_labels, payload.common_annotations}) { add_pairs(run); }
    for (size_t kind = 0; kind < WEBHOOK_ODDITIES; kind++) {
        if (kind != WEBHOOK_ODD_DUPLICATE || has_duplicates) { result += std::to_string(payload.oddities[kind]) + ","; }
    }
    result += std::to_string(payload.truncated_alerts) + (payload.resolved ? "resolved" : "firing");
    for (size_t at = 0; at < payload.alert_count; at++) {
        const webhook_alert &alert = payload.alerts[at];
        add_pairs(alert.labels);
        add_pairs(alert.annotations);
        for (webhook_string text :
             {alert.severity, alert.starts_at, alert.ends_at, alert.generator_url, alert.fingerprint}) {
            add(text);
        }
        result += alert.resolved ? "resolved" : "firing";
        result += alert.has_more_fields ? "more" : "";
    }
    return result + (payload.is_grafana ? "grafana" : "");
}

/// Puts a field that is null in front of an object's members, so that the general reader reads it. Returns an empty body
/// if there are no members.
std::vector<uint8_t> unusual(const std::vector<uint8_t> &body) {
    auto is_space = [](uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; };
    auto start = std::find_if_not(body.begin(), body.end(), is_space);
    if (start == body.end() || *start != '{') { return {}; }
    auto next = std::find_if_not(start + 1, body.end(), is_space);
    if (next == body.end() || *next == '}') { return {}; }
    static const std::string field = "\"state\":null,";
    std::vector<uint8_t> result(body.begin(), start + 1);
    result.insert(result.end(), field.begin(), field.end());
    result.insert(result.end(), start + 1, body.end());
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static webhook_parser *parser = webhook_parser_create();
    static webhook_parser *other = webhook_parser_create();
    // A copy of the exact size, so that the sanitizer detects a read beyond the end.
    std::vector<uint8_t> body(bytes, bytes + size);
    webhook_payload payload{};
    webhook_fault fault = webhook_parser_parse(parser, body.data(), body.size(), &payload);
    std::vector<uint8_t> for_general = unusual(body);
    if (!for_general.empty()) {
        webhook_payload of_general{};
        check(webhook_parser_parse(other, for_general.data(), for_general.size(), &of_general) == fault);
        // If the body may have the field itself, it is a duplicate of the one in front.
        std::string_view text(reinterpret_cast<const char *>(body.data()), body.size());
        bool is_only = text.find("state") == text.npos && text.find("\\u") == text.npos;
        check(fault != WEBHOOK_OK || written(of_general, is_only) == written(payload, is_only));
    }
    if (fault != WEBHOOK_OK) {
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
