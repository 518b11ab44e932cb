#include <cstring>

#include "WebhookParser.hpp"

// A body with a subset of its alerts, copied from the sender's bytes. All other bytes are unchanged, including the
// digits of numbers.

size_t webhook_parser::subset(const uint8_t *tiers, uint8_t tier, uint8_t *into) const {
    if (alerts.empty()) { return 0; }
    size_t written = 0;
    auto write = [&](const uint8_t *from, size_t count) {
        if (into != nullptr) { std::memcpy(into + written, from, count); }
        written += count;
    };
    write(body, raw_alerts.front().start);
    bool first = true;
    for (size_t alert = 0; alert < alerts.size(); alert++) {
        if (tiers[alert] != tier) { continue; }
        if (!first) { write(reinterpret_cast<const uint8_t *>(","), 1); }
        first = false;
        write(body + raw_alerts[alert].start, raw_alerts[alert].size);
    }
    size_t tail = raw_alerts.back().start + raw_alerts.back().size;
    write(body + tail, size - tail);
    return written;
}
