#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "WebhookParser.hpp"

// The canonical bytes of a payload are equal if and only if the group's state is equal. They do not depend on the order
// of alerts and names, on escapes in strings, on the sender's address or on the notification reason.
//
//     payload = receiver groupKey | status u64(truncatedAlerts) u32(alerts) alert...   (sorted by fingerprint)
//     alert   = fingerprint status startsAt [endsAt, where resolved] pairs(labels)
//     pairs   = u32(count) (name value)...                                             (sorted by name)
//
// Annotations are omitted: in an Alertmanager cluster they contain the values of each Prometheus's own queries.
//
// Every string is preceded by its length as u32. Integers are big-endian. An absent field is the empty string. The part
// before `|` identifies the group. The layout must not change between releases, because spools contain the key.

namespace {

/// Passes the bytes to a sink in pieces, so that no buffer for all of them is needed.
class Writer {
public:
    Writer(webhook_sink sink, void *context) : sink(sink), context(context) {}

    template <typename Unsigned> void number(Unsigned value) {
        if (buffer.size() - used < sizeof value) { flush(); }
        append(value);
    }

    void string(webhook_string text) {
        if (buffer.size() - used < sizeof(uint32_t) + text.size) { return long_string(text); }
        append(static_cast<uint32_t>(text.size));
        append(text);
    }

    void status(bool resolved) { string(view(resolved ? "resolved" : "firing")); }

    void pairs(const webhook_payload &payload, webhook_pairs range) {
        number(static_cast<uint32_t>(range.count));
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
    }

    void flush() {
        if (used > 0) { sink(context, buffer.data(), used); }
        used = 0;
    }

private:
    webhook_sink sink;
    void *context;
    std::array<uint8_t, 8192> buffer;
    size_t used = 0;

    void append(uint64_t value) { append_swapped(__builtin_bswap64(value)); }
    void append(uint32_t value) { append_swapped(__builtin_bswap32(value)); }

    template <typename Unsigned> void append_swapped(Unsigned swapped) {
        std::memcpy(buffer.data() + used, &swapped, sizeof swapped);
        used += sizeof swapped;
    }

    void append(webhook_string text) {
        if (text.size > 0) { std::memcpy(buffer.data() + used, text.start, text.size); }
        used += text.size;
    }

    /// A string that does not fit into the rest of the buffer.
    void long_string(webhook_string text) {
        number(static_cast<uint32_t>(text.size));
        flush();
        if (text.size <= buffer.size()) { return append(text); }
        sink(context, reinterpret_cast<const uint8_t *>(text.start), text.size);
    }
};

/// Orders alerts by fingerprint. Alerts with equal fingerprints, which Alertmanager never sends, are ordered by their
/// canonical bytes.
struct Order {
    const webhook_payload &payload;

    /// Compares like the canonical bytes, in which the length comes first.
    static int compare(webhook_string left, webhook_string right) {
        if (left.size != right.size) { return left.size < right.size ? -1 : 1; }
        return left.size == 0 ? 0 : std::memcmp(left.start, right.start, left.size);
    }

    int compare(webhook_pairs left, webhook_pairs right) const {
        if (left.count != right.count) { return left.count < right.count ? -1 : 1; }
        for (size_t index = 0; index < left.count; index++) {
            const webhook_pair &of_left = payload.pairs[left.first + index];
            const webhook_pair &of_right = payload.pairs[right.first + index];
            if (int order = compare(of_left.name, of_right.name)) { return order; }
            if (int order = compare(of_left.value, of_right.value)) { return order; }
        }
        return 0;
    }

    bool operator()(uint32_t left_index, uint32_t right_index) const {
        const webhook_alert &left = payload.alerts[left_index];
        const webhook_alert &right = payload.alerts[right_index];
        if (int order = text_of(left.fingerprint).compare(text_of(right.fingerprint))) { return order < 0; }
        // "firing" is shorter than "resolved".
        if (left.resolved != right.resolved) { return right.resolved; }
        if (int order = compare(left.starts_at, right.starts_at)) { return order < 0; }
        if (int order = left.resolved ? compare(left.ends_at, right.ends_at) : 0) { return order < 0; }
        return compare(left.labels, right.labels) < 0;
    }
};

}  // namespace

void webhook_parser::canonicalize(bool group_only, webhook_sink sink, void *context) {
    Writer writer(sink, context);
    writer.string(payload.receiver);
    writer.string(payload.group_key);
    if (!group_only) {
        writer.status(payload.resolved);
        writer.number(static_cast<uint64_t>(payload.truncated_alerts));
        writer.number(static_cast<uint32_t>(payload.alert_count));
        order.resize(payload.alert_count);
        std::iota(order.begin(), order.end(), 0);
        Order less{payload};
        if (!std::is_sorted(order.begin(), order.end(), less)) { std::sort(order.begin(), order.end(), less); }
        for (uint32_t index : order) { writer.alert(payload, payload.alerts[index]); }
    }
    writer.flush();
}
