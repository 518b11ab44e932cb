#include <algorithm>
#include <array>
#include <optional>

#include "Place.hpp"
#include "WebhookParser.hpp"

// The body's fields and their defaults (contracts/alertmanager.md, "Body"). A field that is null counts as absent, as
// in the Go programs that write these bodies; names that are not read here are ignored.

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

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

const char *kind(element value) {
    switch (value.type()) {
    case element_type::ARRAY: return "an array";
    case element_type::OBJECT: return "an object";
    case element_type::STRING: return "a string";
    case element_type::BOOL: return "true or false";
    case element_type::NULL_VALUE: return "null";
    default: return "a number";
    }
}

[[noreturn]] void refuse_type(const Place &place, const char *expected, element found) {
    refuse(WEBHOOK_WRONG_TYPE, place, std::string("expected ") + expected + ", found " + kind(found));
}

std::string_view text(element value, const Place &place) {
    std::string_view result;
    if (value.get(result)) { refuse_type(place, "a string", value); }
    return result;
}

/// The fields of one object that are read here, found in one pass.
template <size_t count> class Fields {
public:
    Fields(object source, const std::array<std::string_view, count> &names, size_t alert) : names(names), alert(alert) {
        for (auto field : source) {
            add(field.key, field.value);
            position++;
        }
    }

    bool has(size_t field) const { return (present >> field & 1) != 0; }
    element operator[](size_t field) const { return values[field]; }
    Place place(size_t field) const { return {alert, names[field]}; }
    /// The how manieth field of the object it is, unread ones counted.
    size_t position_of(size_t field) const { return positions[field]; }

    webhook_string string(size_t field, const char *missing = nullptr) const {
        if (has(field)) { return view(text(values[field], place(field))); }
        return {missing, 0};
    }

private:
    const std::array<std::string_view, count> &names;
    size_t alert;
    size_t position = 0;
    unsigned seen = 0;
    unsigned present = 0;
    std::array<element, count> values;
    std::array<size_t, count> positions{};

    void add(std::string_view name, element value) {
        for (size_t field = 0; field < count; field++) {
            if (names[field] != name) { continue; }
            if ((seen >> field & 1) != 0) { refuse(WEBHOOK_DUPLICATE_NAME, place(field), "given twice"); }
            seen |= 1u << field;
            present |= (value.is_null() ? 0u : 1u) << field;
            values[field] = value;
            positions[field] = position;
            return;
        }
    }
};

class PayloadReader {
public:
    PayloadReader(webhook_parser &parser, object body)
        : parser(parser), fields(body, payload_fields, Place::no_alert) {}

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
        std::string_view found;
        if (fields[version].get(found)) { refuse_type(fields.place(version), "the string \"4\"", fields[version]); }
        if (found != "4") {
            refuse(WEBHOOK_WRONG_VERSION, fields.place(version), "expected \"4\", found " + quoted(found));
        }
    }

    int64_t read_truncated() const {
        if (!fields.has(truncated_alerts)) { return 0; }
        element value = fields[truncated_alerts];
        if (!value.is_number()) { refuse_type(fields.place(truncated_alerts), "a whole number", value); }
        int64_t result = -1;
        if (value.get(result) || result < 0) {
            refuse(WEBHOOK_WRONG_VALUE, fields.place(truncated_alerts), "expected a whole number of 0 or more");
        }
        return result;
    }

    /// Whether the status says resolved; nothing where it is absent.
    template <size_t count> static std::optional<bool> read_status(const Fields<count> &fields, size_t field) {
        if (!fields.has(field)) { return std::nullopt; }
        std::string_view found = text(fields[field], fields.place(field));
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
        object source;
        if (fields[field].get(source)) { refuse_type(place, "an object", fields[field]); }
        bool sorted = true;
        for (auto pair : source) {
            std::string_view name = pair.key;
            place.name = &name;
            sorted = sorted && (parser.pairs.size() == first || text_of(parser.pairs.back().name) < name);
            parser.pairs.push_back({view(name), view(text(pair.value, place))});
        }
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
        simdjson::dom::array source;
        if (fields[alerts].get(source)) { refuse_type(place, "an array", fields[alerts]); }
        parser.alerts_field = fields.position_of(alerts);
        for (element value : source) { read_alert(value, stated); }
    }

    void read_alert(element value, std::optional<bool> stated) {
        size_t index = parser.alerts.size();
        object source;
        if (value.get(source)) { refuse_type({index}, "an object", value); }
        Fields<alert_fields.size()> of_alert(source, alert_fields, index);
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
    }

    webhook_string label_severity(webhook_pairs range) const {
        for (size_t index = range.first; index < range.first + range.count; index++) {
            if (text_of(parser.pairs[index].name) == "severity") { return parser.pairs[index].value; }
        }
        return {nullptr, 0};
    }

    bool all_resolved() const {
        return !parser.alerts.empty() && std::all_of(parser.alerts.begin(), parser.alerts.end(), [](const auto &alert) {
            return alert.resolved;
        });
    }
};

}  // namespace

void read_payload(webhook_parser &parser, object body) { PayloadReader(parser, body).read(); }
