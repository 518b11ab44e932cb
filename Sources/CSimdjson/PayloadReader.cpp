#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "BodyStepper.hpp"
#include "Place.hpp"
#include "WebhookParser.hpp"

// The body's fields and their defaults (docs/alertmanager.md, "Body"). A field that is null counts as absent, as
// in the Go programs that write these bodies. Unknown names are ignored. Only views of the body are built, up to a limit,
// so that reading any body needs a small multiple of its size.

namespace {

/// The start of a value in the body.
using Value = const uint8_t *;

constexpr std::array<std::string_view, 11> payload_fields = {
    "version", "receiver", "status", "groupKey", "truncatedAlerts", "groupLabels", "commonLabels",
    "commonAnnotations", "externalURL", "alerts", "notification_reason"};
enum { version, receiver, status, group_key, truncated_alerts, group_labels, common_labels,
       common_annotations, external_url, alerts, notification_reason };

constexpr std::array<std::string_view, 7> alert_fields = {
    "status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"};
enum { alert_status, labels, annotations, starts_at, ends_at, generator_url, fingerprint };

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

std::string_view text(webhook_parser &parser, Value value, const Place &place) {
    if (*value != '"') { refuse_type(place, "a string", value); }
    return BodyStepper(parser, value).text();
}

/// Calls `visit` for each name of the object at the stepper. The stepper is then at the value, which `visit` must skip.
/// Ends after the object.
template <typename Visit> void for_each_field(BodyStepper &stepper, Visit visit) {
    stepper.byte();
    if (stepper.take('}')) { return; }
    do {
        stepper.space();
        std::string_view name = stepper.text();
        stepper.byte();
        stepper.space();
        visit(name);
    } while (stepper.take(','));
    stepper.byte();
}

/// The known fields of one object, found in one pass.
template <size_t count> class Fields {
public:
    /// - Parameter stepper: at the object; moved after it.
    Fields(
        webhook_parser &parser, BodyStepper &stepper, const std::array<std::string_view, count> &names, size_t alert)
        : parser(parser), names(names), alert(alert) {
        for_each_field(stepper, [&](std::string_view name) {
            add(name, stepper.at);
            stepper.value();
        });
    }

    bool has(size_t field) const { return (present >> field & 1) != 0; }
    Value operator[](size_t field) const { return values[field]; }
    Place place(size_t field) const { return {alert, names[field]}; }

    webhook_string string(size_t field, const char *missing = nullptr) const {
        if (has(field)) { return view(text(parser, values[field], place(field))); }
        return {missing, 0};
    }

private:
    webhook_parser &parser;
    const std::array<std::string_view, count> &names;
    size_t alert;
    unsigned seen = 0;
    unsigned present = 0;
    std::array<Value, count> values{};

    void add(std::string_view name, Value value) {
        for (size_t field = 0; field < count; field++) {
            if (names[field] != name) { continue; }
            if ((seen >> field & 1) != 0) { refuse(WEBHOOK_DUPLICATE_NAME, place(field), "given twice"); }
            seen |= 1u << field;
            present |= (*value == 'n' ? 0u : 1u) << field;
            values[field] = value;
            return;
        }
    }
};

class PayloadReader {
public:
    /// - Parameter stepper: at the body's object.
    PayloadReader(webhook_parser &parser, BodyStepper stepper)
        : parser(parser), fields(parser, stepper, payload_fields, Place::no_alert) {}

    void read() {
        check_version();
        webhook_payload &payload = parser.payload;
        payload.receiver = fields.string(receiver, "");
        payload.group_key = fields.string(group_key, "");
        payload.external_url = fields.string(external_url, "");
        payload.notification_reason = fields.string(notification_reason);
        payload.truncated_alerts = read_truncated();
        payload.group_labels = read_pairs(fields, group_labels);
        payload.common_labels = read_pairs(fields, common_labels);
        payload.common_annotations = read_pairs(fields, common_annotations);
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

    void check_version() const {
        if (!fields.has(version) && !fields.has(alerts)) {
            throw Refusal{
                WEBHOOK_NOT_A_WEBHOOK,
                "this is not Alertmanager's webhook body of version \"4\": it has neither `version` nor `alerts`. "
                "A webhook receiver with a templated `payload:` sends its own form instead; remove `payload:` from it"};
        }
        if (!fields.has(version)) { refuse(WEBHOOK_WRONG_VERSION, fields.place(version), "missing, expected \"4\""); }
        if (*fields[version] != '"') { refuse_type(fields.place(version), "the string \"4\"", fields[version]); }
        std::string_view found = text(parser, fields[version], fields.place(version));
        if (found != "4") {
            refuse(WEBHOOK_WRONG_VERSION, fields.place(version), "expected \"4\", found " + quoted(found));
        }
    }

    int64_t read_truncated() const {
        if (!fields.has(truncated_alerts)) { return 0; }
        Value value = fields[truncated_alerts];
        if (*value != '-' && (*value < '0' || *value > '9')) {
            refuse_type(fields.place(truncated_alerts), "a whole number", value);
        }
        Stepper stepper(value, parser.body + parser.size);
        stepper.value();
        const char *end = reinterpret_cast<const char *>(stepper.at);
        int64_t result = -1;
        auto [stop, code] = std::from_chars(reinterpret_cast<const char *>(value), end, result);
        if (code != std::errc() || stop != end || result < 0) {
            refuse(WEBHOOK_WRONG_VALUE, fields.place(truncated_alerts), "expected a whole number of 0 or more");
        }
        return std::min<int64_t>(result, WEBHOOK_TRUNCATED_LIMIT);
    }

    /// Whether the status is resolved; no value if it is absent.
    template <size_t count> std::optional<bool> read_status(const Fields<count> &fields, size_t field) {
        if (!fields.has(field)) { return std::nullopt; }
        std::string_view found = text(parser, fields[field], fields.place(field));
        if (found == "firing") { return false; }
        if (found == "resolved") { return true; }
        refuse(
            WEBHOOK_WRONG_VALUE, fields.place(field),
            "expected \"firing\" or \"resolved\", found " + quoted(found));
    }

    template <size_t count> webhook_pairs read_pairs(const Fields<count> &fields, size_t field) {
        size_t first = parser.pairs.size();
        if (!fields.has(field)) { return {first, 0}; }
        Place place = fields.place(field);
        if (*fields[field] != '{') { refuse_type(place, "an object", fields[field]); }
        bool sorted = true;
        BodyStepper stepper(parser, fields[field]);
        for_each_field(stepper, [&](std::string_view name) {
            place.name = &name;
            if (parser.pairs.size() == WEBHOOK_PAIR_LIMIT) {
                refuse(WEBHOOK_TOO_MANY, place, limit_text(WEBHOOK_PAIR_LIMIT, "labels and annotations"));
            }
            sorted = sorted && (parser.pairs.size() == first || text_of(parser.pairs.back().name) < name);
            if (*stepper.at != '"') { refuse_type(place, "a string", stepper.at); }
            parser.pairs.push_back({view(name), view(stepper.text())});
        });
        if (!sorted) { sort_pairs(first, fields.place(field)); }
        return {first, parser.pairs.size() - first};
    }

    void sort_pairs(size_t first, Place place) {
        auto begin = parser.pairs.begin() + static_cast<std::ptrdiff_t>(first);
        auto end = parser.pairs.end();
        std::sort(begin, end, [](const webhook_pair &left, const webhook_pair &right) {
            return text_of(left.name) < text_of(right.name);
        });
        auto twice = std::adjacent_find(begin, end, [](const webhook_pair &left, const webhook_pair &right) {
            return text_of(left.name) == text_of(right.name);
        });
        if (twice == end) { return; }
        std::string_view name = text_of(twice->name);
        place.name = &name;
        refuse(WEBHOOK_DUPLICATE_NAME, place, "given twice");
    }

    void read_alerts(std::optional<bool> stated) {
        Place place = fields.place(alerts);
        if (!fields.has(alerts)) { refuse(WEBHOOK_MISSING_FIELD, place, "missing, expected an array"); }
        if (*fields[alerts] != '[') { refuse_type(place, "an array", fields[alerts]); }
        BodyStepper stepper(parser, fields[alerts]);
        stepper.byte();
        if (stepper.take(']')) { return; }
        do {
            stepper.space();
            read_alert(stepper, stated);
        } while (stepper.take(','));
    }

    void read_alert(BodyStepper &stepper, std::optional<bool> stated) {
        size_t index = parser.alerts.size();
        if (index == WEBHOOK_ALERT_LIMIT) {
            refuse(WEBHOOK_TOO_MANY, {index}, limit_text(WEBHOOK_ALERT_LIMIT, "alerts"));
        }
        Value start = stepper.at;
        if (*start != '{') { refuse_type({index}, "an object", start); }
        Fields<alert_fields.size()> of_alert(parser, stepper, alert_fields, index);
        auto resolved = read_status(of_alert, alert_status);
        if (!resolved && !stated) {
            refuse(WEBHOOK_MISSING_FIELD, of_alert.place(alert_status), "missing, and so is the payload's status");
        }
        webhook_alert alert{};
        alert.resolved = resolved.value_or(stated.value_or(false));
        alert.labels = read_pairs(of_alert, labels);
        alert.annotations = read_pairs(of_alert, annotations);
        alert.severity = label_severity(alert.labels);
        alert.starts_at = of_alert.string(starts_at);
        alert.ends_at = of_alert.string(ends_at);
        alert.generator_url = of_alert.string(generator_url, "");
        alert.fingerprint = of_alert.string(fingerprint, "");
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
