#include <algorithm>
#include <utility>

#include "FieldNames.hpp"
#include "JSONReader.hpp"

// Reads a body as Alertmanager and Grafana send it, in one pass that also validates it. So each string is scanned once
// instead of three times. PayloadReader.cpp reads every body with a value that is odd, null or missing, with a name
// that occurs twice, or that is refused. For all other bodies both results must be equal (docs/decisions/0045).

namespace {

/// Thrown at whatever PayloadReader must judge.
struct Unusual {};

void require(bool holds) {
    if (!holds) { throw Unusual{}; }
}

/// The fields of one object that were found.
class GivenFields {
public:
    void add(size_t field) {
        require(!has(field));
        mask |= 1u << field;
    }
    bool has(size_t field) const { return (mask >> field & 1) != 0; }

private:
    unsigned mask = 0;
};

template <const auto &names, size_t... at>
size_t index_of(std::string_view name, std::index_sequence<at...>) {
    size_t index = names.size();
    // Unrolled, so that the compiler knows each length and compares words instead of calling memcmp.
    static_cast<void>(((names[at] == name && (index = at, true)) || ...));
    return index;
}

/// The index of a name; the number of names if it is not among them.
template <const auto &names> size_t index_of(std::string_view name) {
    return index_of<names>(name, std::make_index_sequence<names.size()>());
}

class UsualPayloadReader {
public:
    explicit UsualPayloadReader(webhook_parser &parser)
        : parser(parser), payload(parser.payload), json(parser.body, parser.size, true) {}

    void read() {
        payload.external_url = {"", 0};
        GivenFields given;
        json.document([&] {
            object(1, [&](std::string_view name) {
                size_t field = index_of<payload_fields>(name);
                if (field == payload_fields.size()) { return json.value(2); }
                given.add(field);
                read(field);
            });
        });
        for (size_t field : {version, receiver, status, group_key, alerts}) { require(given.has(field)); }
        payload.pairs = parser.pairs.data();
        payload.alerts = parser.alerts.data();
        payload.alert_count = parser.alerts.size();
    }

private:
    webhook_parser &parser;
    webhook_payload &payload;
    JSONReader json;

    /// Reads the value of a field of the body.
    void read(size_t field) {
        switch (field) {
        case version: return read_version();
        case receiver: payload.receiver = string(); return;
        case status: payload.resolved = read_status(); return;
        case group_key: payload.group_key = string(); return;
        case truncated_alerts: return read_truncated();
        case group_labels: payload.group_labels = read_pairs(2); return;
        case common_labels: payload.common_labels = read_pairs(2); return;
        case common_annotations: payload.common_annotations = read_pairs(2); return;
        case external_url: payload.external_url = string(); return;
        case alerts: return array(2, [&] { read_alert(); });
        case notification_reason: payload.notification_reason = string(); return;
        case title: payload.title = string(); return;
        case message: payload.message = string(); return;
        case state: payload.state = string(); return;
        default: payload.org_id = view(number()); return;
        }
    }

    void read_alert() {
        require(parser.alerts.size() < WEBHOOK_ALERT_LIMIT);
        const uint8_t *start = json.at;
        webhook_alert alert{};
        alert.generator_url = {"", 0};
        GivenFields given;
        object(3, [&](std::string_view name) {
            size_t field = index_of<alert_fields>(name);
            if (field == alert_fields.size()) {
                alert.has_more_fields = true;
                return json.value(4);
            }
            given.add(field);
            switch (field) {
            case alert_status: alert.resolved = read_status(); return;
            case labels: alert.labels = read_pairs(4, &alert.severity); return;
            case annotations: alert.annotations = read_pairs(4); return;
            case starts_at: alert.starts_at = string(); return;
            case ends_at: alert.ends_at = string(); return;
            case generator_url: alert.generator_url = string(); return;
            default: alert.fingerprint = string(); return;
            }
        });
        for (size_t field : {alert_status, labels, starts_at, fingerprint}) { require(given.has(field)); }
        parser.alerts.push_back(alert);
        parser.raw_alerts.push_back(
            {static_cast<size_t>(start - parser.body), static_cast<size_t>(json.at - start)});
    }

    /// - Parameter severity: set to the value of the name `severity`.
    webhook_pairs read_pairs(int depth, webhook_string *severity = nullptr) {
        require(json.peek() == '{');
        size_t first = parser.pairs.size();
        bool sorted = true;
        json.members(depth, [&](JSONReader::Text sent_name) {
            require(parser.pairs.size() < WEBHOOK_PAIR_LIMIT);
            std::string_view name = text_of(sent_name);
            webhook_string value = string();
            if (severity != nullptr && name == "severity") { *severity = value; }
            sorted = sorted && (parser.pairs.size() == first || ::text_of(parser.pairs.back().name) < name);
            parser.pairs.push_back({view(name), value});
        });
        if (!sorted) { sort_pairs(first); }
        return {first, parser.pairs.size() - first};
    }

    void sort_pairs(size_t first) {
        auto name = [](const webhook_pair &pair) { return ::text_of(pair.name); };
        auto begin = parser.pairs.begin() + static_cast<std::ptrdiff_t>(first);
        std::sort(begin, parser.pairs.end(), [&](const auto &left, const auto &right) {
            return name(left) < name(right);
        });
        auto twin = std::adjacent_find(
            begin, parser.pairs.end(), [&](const auto &left, const auto &right) { return name(left) == name(right); });
        require(twin == parser.pairs.end());
    }

    void read_version() {
        std::string_view found = ::text_of(string());
        payload.is_grafana = found == "1";
        require(payload.is_grafana || found == "4");
    }

    bool read_status() {
        std::string_view found = ::text_of(string());
        require(found == "firing" || found == "resolved");
        return found == "resolved";
    }

    void read_truncated() {
        std::string_view digits = number();
        // Below WEBHOOK_TRUNCATED_LIMIT.
        require(digits.size() < 10);
        for (char digit : digits) {
            require(digit >= '0' && digit <= '9');
            payload.truncated_alerts = payload.truncated_alerts * 10 + (digit - '0');
        }
    }

    /// The JSON of a number.
    std::string_view number() {
        require(json.peek() == '-' || (json.peek() >= '0' && json.peek() <= '9'));
        const uint8_t *start = json.at;
        json.value(2);
        return {reinterpret_cast<const char *>(start), static_cast<size_t>(json.at - start)};
    }

    /// Inlined, because most of a body is strings.
    __attribute__((always_inline)) webhook_string string() {
        require(json.peek() == '"');
        return view(text_of(json.text()));
    }

    std::string_view text_of(JSONReader::Text text) { return text.has_escapes ? parser.unescape(text.raw) : text.raw; }

    template <typename Member> void object(int depth, Member member) {
        require(json.peek() == '{');
        json.members(depth, [&](JSONReader::Text name) { member(text_of(name)); });
    }

    template <typename Element> void array(int depth, Element element) {
        require(json.peek() == '[');
        json.elements(depth, element);
    }
};

}  // namespace

bool read_usual_payload(webhook_parser &parser) {
    try {
        UsualPayloadReader(parser).read();
        return true;
    } catch (const Unusual &) {
        return false;
    } catch (const Refusal &) {
        return false;
    }
}
