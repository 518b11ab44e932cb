#include <algorithm>
#include <cstring>

#include "WebhookParser.hpp"

// The canonical bytes of a payload: equal exactly where the content is, whatever the order of alerts and names, the
// escapes in strings, the sender's address or the reason it gives.
//
//     payload = receiver groupKey | status u64(truncatedAlerts) u32(alerts) alert...   (sorted by fingerprint)
//     alert   = fingerprint status startsAt [endsAt, where resolved] pairs(labels) pairs(annotations)
//     pairs   = u32(count) (name value)...                                             (sorted by name)
//
// Every string is preceded by its length as u32; integers are big-endian; what is absent is the empty string. The group
// is the part before `|`. The key must stay the same from release to release: spools hold it.

namespace {

/// Writes into memory that is known to suffice.
class Writer {
public:
    explicit Writer(uint8_t *start) : at(start) {}
    uint8_t *at;

    void number(uint64_t value, int bytes) {
        for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) { *at++ = static_cast<uint8_t>(value >> shift); }
    }

    void string(webhook_string text) {
        number(text.size, 4);
        if (text.size > 0) { std::memcpy(at, text.start, text.size); }
        at += text.size;
    }

    void status(bool resolved) { string(view(resolved ? "resolved" : "firing")); }

    void pairs(const webhook_payload &payload, webhook_pairs range) {
        number(range.count, 4);
        for (size_t index = range.first; index < range.first + range.count; index++) {
            string(payload.pairs[index].name);
            string(payload.pairs[index].value);
        }
    }

    void alert(const webhook_payload &payload, const webhook_alert &alert) {
        string(alert.fingerprint);
        status(alert.resolved);
        string(alert.starts_at);
        if (alert.resolved) { string(alert.ends_at); }
        pairs(payload, alert.labels);
        pairs(payload, alert.annotations);
    }
};

/// No string is longer than its source in the body; the rest is lengths, counts and statuses.
size_t bound(const webhook_parser &parser) {
    return parser.size + 64 + parser.payload.alert_count * 48 + parser.pairs.size() * 8;
}

/// Orders alerts by fingerprint, and those that share one (no real sender has any) by all their bytes.
struct Order {
    const uint8_t *bytes;

    std::string_view text(Span span) const {
        return {reinterpret_cast<const char *>(bytes + span.start), span.size};
    }
    std::string_view fingerprint(Span span) const {
        const uint8_t *length = bytes + span.start;
        size_t size = size_t{length[0]} << 24 | size_t{length[1]} << 16 | size_t{length[2]} << 8 | length[3];
        return text({span.start + 4, size});
    }
    bool operator()(Span left, Span right) const {
        int order = fingerprint(left).compare(fingerprint(right));
        return order != 0 ? order < 0 : text(left) < text(right);
    }
};

}  // namespace

webhook_string webhook_parser::canonicalize(size_t &group_size) {
    if (canonical.size() < bound(*this)) { canonical.resize(bound(*this)); }
    uint8_t *start = canonical.data();
    Writer writer(start);
    writer.string(payload.receiver);
    writer.string(payload.group_key);
    group_size = static_cast<size_t>(writer.at - start);
    writer.status(payload.resolved);
    writer.number(static_cast<uint64_t>(payload.truncated_alerts), 8);
    writer.number(payload.alert_count, 4);
    size_t head = static_cast<size_t>(writer.at - start);
    canonical_alerts.clear();
    for (size_t index = 0; index < payload.alert_count; index++) {
        const uint8_t *alert = writer.at;
        writer.alert(payload, payload.alerts[index]);
        canonical_alerts.push_back({static_cast<size_t>(alert - start), static_cast<size_t>(writer.at - alert)});
    }
    size_t size = static_cast<size_t>(writer.at - start);
    Order order{start};
    if (!std::is_sorted(canonical_alerts.begin(), canonical_alerts.end(), order)) {
        std::sort(canonical_alerts.begin(), canonical_alerts.end(), order);
        if (sorted.size() < size) { sorted.resize(size); }
        std::memcpy(sorted.data(), start, head);
        uint8_t *into = sorted.data() + head;
        for (Span span : canonical_alerts) {
            std::memcpy(into, start + span.start, span.size);
            into += span.size;
        }
        start = sorted.data();
    }
    return {reinterpret_cast<const char *>(start), size};
}
