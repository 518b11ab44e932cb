#include <cstring>

#include "WebhookParser.hpp"

// A body with some of its alerts, cut out of the sender's own bytes: what is not read here stays as it came, down to
// the digits of its numbers.

namespace {

/// Steps through text that simdjson found to be valid JSON, hence no checks but for the end.
class Stepper {
public:
    explicit Stepper(const uint8_t *start) : at(start) {}
    const uint8_t *at;

    void space() {
        while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') { at++; }
    }

    /// Past the byte that must come next.
    void byte() {
        space();
        at++;
    }

    void string() {
        for (at++; *at != '"'; at++) {
            if (*at == '\\') { at++; }
        }
        at++;
    }

    void value() {
        space();
        size_t depth = 0;
        do {
            switch (*at) {
            case '"': string(); break;
            case '{':
            case '[': depth++; at++; break;
            case '}':
            case ']': depth--; at++; break;
            default:
                // Outside of arrays and objects only a number or a word is left: it ends where its characters do.
                if (depth == 0) { return scalar(); }
                at++;
            }
        } while (depth > 0);
    }

private:
    void scalar() {
        while ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') || *at == 'E' || *at == '+' || *at == '-'
               || *at == '.') {
            at++;
        }
    }
};

}  // namespace

void webhook_parser::find_raw_alerts() {
    Stepper stepper(body);
    stepper.byte();
    for (size_t field = 0; field <= alerts_field; field++) {
        stepper.space();
        stepper.string();
        stepper.byte();
        if (field == alerts_field) { break; }
        stepper.value();
        stepper.byte();
    }
    stepper.byte();
    for (size_t alert = 0; alert < alerts.size(); alert++) {
        stepper.space();
        const uint8_t *start = stepper.at;
        stepper.value();
        raw_alerts.push_back({static_cast<size_t>(start - body), static_cast<size_t>(stepper.at - start)});
        if (alert + 1 < alerts.size()) { stepper.byte(); }
    }
}

size_t webhook_parser::subset(const uint8_t *tiers, uint8_t tier, uint8_t *into) {
    if (alerts.empty()) { return 0; }
    if (raw_alerts.empty()) { find_raw_alerts(); }
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
