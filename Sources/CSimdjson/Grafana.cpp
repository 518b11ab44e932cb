#include <array>

#include "Stepper.hpp"
#include "Unescape.hpp"
#include "WebhookParser.hpp"

// Grafana's fields of one alert (docs/grafana.md). They are read when the alert is shown, so that views of them need no
// memory for each alert of a body.

namespace {

constexpr std::array<std::string_view, 6> names = {"silenceURL",  "dashboardURL", "panelURL",
                                                   "imageURL", "valueString", "values"};

/// Steps through one alert. Texts with escapes are stored in a buffer of the alert's size, which suffices because each
/// is read once.
class AlertStepper : public Stepper {
public:
    AlertStepper(const uint8_t *start, const uint8_t *end, char *buffer) : Stepper(start, end), buffer(buffer) {}

    std::string_view text() {
        bool escaped;
        std::string_view raw = string(escaped);
        if (!escaped) { return raw; }
        size_t length = write_unescaped(raw, buffer);
        std::string_view text{buffer, length};
        buffer += length;
        return text;
    }

    /// Calls `visit` at the value of each name, which `visit` must skip.
    template <typename Visit> void fields(Visit visit) {
        byte();
        if (take('}')) { return; }
        do {
            space();
            std::string_view name = text();
            byte();
            space();
            visit(name);
        } while (take(','));
        byte();
    }

private:
    char *buffer;
};

}  // namespace

webhook_grafana webhook_parser::grafana(size_t alert) {
    Span span = raw_alerts.at(alert);
    grafana_values.clear();
    grafana_text.reset(new char[span.size]);
    const uint8_t *start = body + span.start;
    AlertStepper stepper(start, start + span.size, grafana_text.get());
    webhook_grafana found{};
    const std::array<webhook_string *, 5> strings = {
        &found.silence_url, &found.dashboard_url, &found.panel_url, &found.image_url, &found.value_string};
    stepper.fields([&](std::string_view name) {
        for (size_t field = 0; field < strings.size(); field++) {
            if (name == names[field] && *stepper.at == '"') {
                *strings[field] = view(stepper.text());
                return;
            }
        }
        if (name != names.back() || *stepper.at != '{') { return stepper.value(); }
        grafana_values.clear();
        stepper.fields([&](std::string_view of_value) {
            const uint8_t *value = stepper.at;
            stepper.value();
            bool is_number = *value == '-' || (*value >= '0' && *value <= '9');
            if (!is_number || grafana_values.size() == WEBHOOK_VALUE_LIMIT) { return; }
            std::string_view json{reinterpret_cast<const char *>(value), static_cast<size_t>(stepper.at - value)};
            grafana_values.push_back({view(of_value), view(json)});
        });
    });
    found.values = grafana_values.data();
    found.value_count = grafana_values.size();
    return found;
}
