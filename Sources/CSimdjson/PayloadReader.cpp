#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <optional>

#include "FieldNames.hpp"
#include "Fields.hpp"

// The body's fields and their defaults (docs/alertmanager.md, "Body"). A field that is null counts as absent, as
// in the Go programs that write these bodies. Unknown names are ignored. Odd values are counted and count as absent, so
// that they cost no other alert of the group. Only views of the body are built, up to a limit, so that reading any body
// needs a small multiple of its size.

namespace {

[[noreturn]] void refuse(webhook_fault fault, const Place &place, const std::string &what) {
    std::string where = place.written();
    throw Refusal{fault, where.empty() ? what : where + ": " + what};
}

const char *kind(Value value) {
    switch (*value) {
    case '[': return "an array";
    case '{': return "an object";
    case '"': return "a string";
    case 't':
    case 'f': return "true or false";
    case 'n': return "null";
    default: return "a number";
    }
}

[[noreturn]] void refuse_type(const Place &place, const char *expected, Value found) {
    refuse(WEBHOOK_WRONG_TYPE, place, std::string("expected ") + expected + ", found " + kind(found));
}

bool is_word(std::string_view text, std::string_view lower) {
    return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(), [](char left, char right) {
        return (left >= 'A' && left <= 'Z' ? left + 32 : left) == right;
    });
}

class PayloadReader {
public:
    /// - Parameter stepper: at the body's object.
    PayloadReader(webhook_parser &parser, BodyStepper stepper)
        : parser(parser), fields(parser, stepper, payload_fields) {}

    void read() {
        check_version();
        webhook_payload &payload = parser.payload;
        fields.expect({version, receiver, status, group_key, alerts});
        payload.receiver = fields.text(receiver);
        payload.group_key = fields.text(group_key);
        payload.external_url = fields.text(external_url);
        payload.notification_reason = fields.string(notification_reason);
        payload.title = fields.string(title);
        payload.message = fields.string(message);
        payload.state = fields.string(state);
        payload.org_id = fields.number(org_id);
        payload.truncated_alerts = read_truncated();
        payload.group_labels = read_pairs(fields, group_labels, WEBHOOK_ODD_LABEL);
        payload.common_labels = read_pairs(fields, common_labels, WEBHOOK_ODD_LABEL);
        payload.common_annotations = read_pairs(fields, common_annotations, WEBHOOK_ODD_ANNOTATION);
        auto stated = read_status(fields, status);
        read_alerts(stated);
        payload.resolved = stated.value_or(all_resolved());
        payload.pairs = parser.pairs.data();
        payload.alerts = parser.alerts.data();
        payload.alert_count = parser.alerts.size();
    }

private:
    webhook_parser &parser;
    Fields<payload_fields.size()> fields;

    void check_version() {
        if (!fields.has(version) && !fields.is_given(alerts)) {
            throw Refusal{
                WEBHOOK_NOT_A_WEBHOOK,
                "this is not a webhook body of Alertmanager or Grafana: it has neither `version` nor `alerts`. "
                "A webhook receiver with a templated `payload:` sends its own form instead; remove `payload:` from it"};
        }
        if (!fields.has(version)) { return; }
        if (*fields[version] != '"') {
            refuse_type(fields.place(version), "the string \"4\" or \"1\"", fields[version]);
        }
        std::string_view found = BodyStepper(parser, fields[version]).text();
        parser.payload.is_grafana = found == "1";
        if (found != "4" && found != "1") {
            refuse(WEBHOOK_WRONG_VERSION, fields.place(version), "expected \"4\" or \"1\", found " + quoted(found));
        }
    }

    int64_t read_truncated() {
        if (!fields.has(truncated_alerts)) { return 0; }
        std::string_view json = json_of(parser, fields[truncated_alerts]);
        int64_t result = 0;
        auto [stop, code] = std::from_chars(json.data(), json.data() + json.size(), result);
        bool is_whole = stop == json.data() + json.size() && json.front() != '"';
        if (is_whole && code == std::errc() && result >= 0) {
            return std::min<int64_t>(result, WEBHOOK_TRUNCATED_LIMIT);
        }
        count_odd(parser, WEBHOOK_ODD_FIELD);
        // More than 64 bits are many alerts.
        return is_whole && code == std::errc::result_out_of_range && json.front() != '-' ? WEBHOOK_TRUNCATED_LIMIT : 0;
    }

    /// Whether the status is resolved; no value if it is absent or unknown.
    template <size_t size> std::optional<bool> read_status(const Fields<size> &fields, size_t field) {
        webhook_string found = fields.string(field);
        if (found.start == nullptr) { return std::nullopt; }
        if (is_word(text_of(found), "firing")) { return false; }
        if (is_word(text_of(found), "resolved")) { return true; }
        count_odd(parser, WEBHOOK_ODD_FIELD);
        return std::nullopt;
    }

    /// - Parameter odd: how a value without a text counts.
    template <size_t size> webhook_pairs read_pairs(const Fields<size> &fields, size_t field, webhook_oddity odd) {
        size_t first = parser.pairs.size();
        if (!fields.has(field)) { return {first, 0}; }
        if (*fields[field] != '{') {
            count_odd(parser, WEBHOOK_ODD_FIELD);
            return {first, 0};
        }
        bool sorted = true;
        BodyStepper stepper(parser, fields[field]);
        for_each_field(stepper, [&](std::string_view name) {
            if (*stepper.at != '"') { count_odd(parser, odd); }
            if (*stepper.at == 'n' || *stepper.at == '{' || *stepper.at == '[') { return stepper.value(); }
            if (parser.pairs.size() == WEBHOOK_PAIR_LIMIT) {
                refuse(WEBHOOK_TOO_MANY, fields.place(field), limit_text(WEBHOOK_PAIR_LIMIT, "labels and annotations"));
            }
            sorted = sorted && (parser.pairs.size() == first || text_of(parser.pairs.back().name) < name);
            parser.pairs.push_back({view(name), view(read_text(stepper))});
        });
        if (!sorted) { sort_pairs(first); }
        return {first, parser.pairs.size() - first};
    }

    /// The text of a string, number or boolean.
    std::string_view read_text(BodyStepper &stepper) {
        if (*stepper.at == '"') { return stepper.text(); }
        std::string_view json = json_of(parser, stepper.at);
        stepper.at += json.size();
        return json;
    }

    /// Sorts the pairs from `first` on. Of several with one name the last is kept.
    void sort_pairs(size_t first) {
        std::vector<webhook_pair> sent(parser.pairs.begin() + static_cast<std::ptrdiff_t>(first), parser.pairs.end());
        parser.order.resize(sent.size());
        std::iota(parser.order.begin(), parser.order.end(), 0);
        std::sort(parser.order.begin(), parser.order.end(), [&](uint32_t left, uint32_t right) {
            int order = text_of(sent[left].name).compare(text_of(sent[right].name));
            return order != 0 ? order < 0 : left < right;
        });
        parser.pairs.resize(first);
        for (uint32_t index : parser.order) {
            bool is_twin = parser.pairs.size() > first
                && text_of(parser.pairs.back().name) == text_of(sent[index].name);
            if (is_twin) {
                count_odd(parser, WEBHOOK_ODD_DUPLICATE);
                parser.pairs.back() = sent[index];
            } else {
                parser.pairs.push_back(sent[index]);
            }
        }
    }

    void read_alerts(std::optional<bool> stated) {
        Place place = fields.place(alerts);
        if (!fields.is_given(alerts)) { refuse(WEBHOOK_MISSING_FIELD, place, "missing, expected an array"); }
        // Go's encoding of a slice that is nil.
        if (!fields.has(alerts)) { return; }
        if (*fields[alerts] != '[') { refuse_type(place, "an array", fields[alerts]); }
        BodyStepper stepper(parser, fields[alerts]);
        stepper.byte();
        if (stepper.take(']')) { return; }
        do {
            stepper.space();
            if (*stepper.at == '{') {
                read_alert(stepper, stated);
            } else {
                count_odd(parser, WEBHOOK_ODD_ALERT);
                stepper.value();
            }
        } while (stepper.take(','));
    }

    void read_alert(BodyStepper &stepper, std::optional<bool> stated) {
        if (parser.alerts.size() == WEBHOOK_ALERT_LIMIT) {
            refuse(WEBHOOK_TOO_MANY, {parser.alerts.size()}, limit_text(WEBHOOK_ALERT_LIMIT, "alerts"));
        }
        Value start = stepper.at;
        Fields<alert_fields.size()> of_alert(parser, stepper, alert_fields);
        of_alert.expect({alert_status, labels, starts_at, fingerprint});
        webhook_alert alert{};
        // An alert without any status counts as firing, which nobody overlooks.
        alert.resolved = read_status(of_alert, alert_status).value_or(stated.value_or(false));
        alert.labels = read_pairs(of_alert, labels, WEBHOOK_ODD_LABEL);
        alert.annotations = read_pairs(of_alert, annotations, WEBHOOK_ODD_ANNOTATION);
        alert.severity = label_severity(alert.labels);
        alert.starts_at = of_alert.time(starts_at);
        alert.ends_at = of_alert.time(ends_at);
        alert.generator_url = of_alert.text(generator_url);
        alert.fingerprint = of_alert.text(fingerprint);
        alert.has_more_fields = of_alert.has_more();
        parser.alerts.push_back(alert);
        parser.raw_alerts.push_back(
            {static_cast<size_t>(start - parser.body), static_cast<size_t>(stepper.at - start)});
    }

    webhook_string label_severity(webhook_pairs range) const {
        return webhook_payload_value(parser.pairs.data(), range, "severity", 8);
    }

    static std::string limit_text(size_t limit, const char *of_what) {
        return "a webhook may have " + std::to_string(limit) + " " + of_what
            + "; let Alertmanager send less at once (`max_alerts`, `group_by`)";
    }

    bool all_resolved() const {
        return !parser.alerts.empty() && std::all_of(parser.alerts.begin(), parser.alerts.end(), [](const auto &alert) {
            return alert.resolved;
        });
    }
};

}  // namespace

void read_payload(webhook_parser &parser) {
    BodyStepper stepper(parser, parser.body);
    stepper.space();
    if (*stepper.at != '{') { throw Refusal{WEBHOOK_NOT_AN_OBJECT, "the body is valid JSON but not an object"}; }
    PayloadReader(parser, stepper).read();
}
