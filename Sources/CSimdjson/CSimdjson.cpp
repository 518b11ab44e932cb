#include "CSimdjson.h"

#include <algorithm>
#include <memory>
#include <simdjson.h>
#include <string>
#include <string_view>
#include <vector>

namespace dom = simdjson::dom;
using std::string_view;

static_assert(CSJ_PADDING >= simdjson::SIMDJSON_PADDING, "the interface promises too little padding");

namespace {

constexpr size_t max_depth = 64;
/// A parser that has read a larger body than this is replaced before the next ordinary one: it keeps about five times
/// the size of the largest body it has seen.
constexpr size_t usual_capacity = 1 << 20;

string_view view(csj_string string) { return {string.bytes, string.size}; }
csj_string string(string_view text) { return {text.data(), text.size()}; }

const char *name_of(dom::element_type type) {
    switch (type) {
    case dom::element_type::ARRAY: return "an array";
    case dom::element_type::OBJECT: return "an object";
    case dom::element_type::STRING: return "a string";
    case dom::element_type::BOOL: return "a boolean";
    case dom::element_type::NULL_VALUE: return "null";
    default: return "a number";
    }
}

/// A field of the body; it becomes text only when something is wrong with it.
struct place {
    const char *field;
    ptrdiff_t alert = -1;

    std::string text() const {
        return alert < 0 ? std::string(field) : "alerts[" + std::to_string(alert) + "]" + field;
    }
};

/// A refusal on its way out of the reader.
struct failure {
    csj_result result;
    std::string message;
};

} // namespace

struct csj_parser {
    dom::parser parser;
    dom::element root;
    std::vector<csj_alert> alerts;
    std::vector<csj_pair> pairs;
    std::vector<uint32_t> order;
    csj_payload payload{};
    std::string output;
    std::string error;

    void read(const uint8_t *bytes, size_t size);
    void read_root(dom::object object);
    void read_alerts(dom::element element);
    csj_alert read_alert(dom::element element, size_t index);
    csj_range read_pairs(dom::element element, place where);
    void append(string_view text);
    void append(csj_range range);
};

namespace {

[[noreturn]] void wrong_type(const std::string &where, const char *expected, dom::element found) {
    throw failure{CSJ_WRONG_SHAPE, where + ": expected " + expected + ", found " + name_of(found.type())};
}

csj_string read_string(dom::element element, place where) {
    string_view text;
    if (element.get(text)) wrong_type(where.text(), "a string", element);
    return string(text);
}

bool read_is_resolved(dom::element element, place where) {
    const auto status = view(read_string(element, where));
    if (status == "firing") return false;
    if (status == "resolved") return true;
    throw failure{CSJ_WRONG_SHAPE, where.text() + ": expected \"firing\" or \"resolved\""};
}

/// Refuses the second value of a key: which of the two a sender meant cannot be known.
void once(bool &seen, place where) {
    if (seen) throw failure{CSJ_DUPLICATE_KEY, where.text() + ": the key stands twice"};
    seen = true;
}

void append_quoted(std::string &output, string_view text) {
    static const char digits[] = "0123456789abcdef";
    output += '"';
    for (const char byte : text) {
        if (byte == '"' || byte == '\\') {
            output += '\\';
            output += byte;
        } else if (static_cast<unsigned char>(byte) < 0x20) {
            output += "\\u00";
            output += digits[byte >> 4];
            output += digits[byte & 15];
        } else {
            output += byte;
        }
    }
    output += '"';
}

void append_kept(std::string &output, dom::array alerts, const uint8_t *keep) {
    output += '[';
    for (const auto alert : alerts) {
        if (!*keep++) continue;
        if (output.back() != '[') output += ',';
        output += simdjson::minify(alert);
    }
    output += ']';
}

} // namespace

void csj_parser::read(const uint8_t *bytes, size_t size) {
    alerts.clear();
    pairs.clear();
    payload = {};
    if (parser.capacity() > usual_capacity && size <= usual_capacity) parser = dom::parser();
    if (size == 0) throw failure{CSJ_INVALID_JSON, "the body is empty"};
    if (size >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF) {
        throw failure{CSJ_INVALID_JSON, "the body begins with a byte order mark (RFC 8259 section 8.1)"};
    }
    auto error_code = simdjson::SUCCESS;
    if (size > parser.capacity()) error_code = parser.allocate(std::max(size, size_t{4096}), max_depth);
    if (!error_code) error_code = parser.parse(bytes, size, false).get(root);
    if (error_code) {
        throw failure{CSJ_INVALID_JSON, std::string("the body is not valid JSON: ") + simdjson::error_message(error_code)};
    }
    dom::object object;
    if (root.get(object)) wrong_type("the body", "an object", root);
    read_root(object);
}

void csj_parser::read_root(dom::object object) {
    bool seen[11] = {};
    for (const auto &[key, value] : object) {
        if (key == "version") {
            once(seen[0], {"version"});
            if (view(read_string(value, {"version"})) != "4") {
                throw failure{CSJ_WRONG_VERSION, "version: only version \"4\" of Alertmanager's webhook is understood"};
            }
        } else if (key == "receiver") {
            once(seen[1], {"receiver"});
            payload.receiver = read_string(value, {"receiver"});
        } else if (key == "status") {
            once(seen[2], {"status"});
            payload.is_resolved = read_is_resolved(value, {"status"});
        } else if (key == "groupKey") {
            once(seen[3], {"groupKey"});
            payload.group_key = read_string(value, {"groupKey"});
        } else if (key == "truncatedAlerts") {
            once(seen[4], {"truncatedAlerts"});
            if (value.get(payload.truncated_alerts) || payload.truncated_alerts < 0) {
                wrong_type("truncatedAlerts", "a whole number", value);
            }
        } else if (key == "groupLabels") {
            once(seen[5], {"groupLabels"});
            payload.group_labels = read_pairs(value, {"groupLabels"});
        } else if (key == "commonLabels") {
            once(seen[6], {"commonLabels"});
            payload.common_labels = read_pairs(value, {"commonLabels"});
        } else if (key == "commonAnnotations") {
            once(seen[7], {"commonAnnotations"});
            payload.common_annotations = read_pairs(value, {"commonAnnotations"});
        } else if (key == "externalURL") {
            once(seen[8], {"externalURL"});
            payload.external_url = read_string(value, {"externalURL"});
        } else if (key == "notification_reason") {
            once(seen[9], {"notification_reason"});
            if (!value.is_null()) payload.notification_reason = read_string(value, {"notification_reason"});
        } else if (key == "alerts") {
            once(seen[10], {"alerts"});
            read_alerts(value);
        }
    }
    if (!seen[10]) {
        throw failure{CSJ_WRONG_SHAPE, "alerts: missing; this is not Alertmanager's webhook body. A receiver with a "
                                       "\"payload:\" template of its own sends something else: remove the template"};
    }
    if (!seen[2]) {
        payload.is_resolved = !alerts.empty()
            && std::all_of(alerts.begin(), alerts.end(), [](const csj_alert &alert) { return alert.is_resolved; });
    }
    payload.alerts = alerts.data();
    payload.alert_count = alerts.size();
    payload.pairs = pairs.data();
}

void csj_parser::read_alerts(dom::element element) {
    dom::array array;
    if (element.get(array)) wrong_type("alerts", "an array", element);
    size_t index = 0;
    for (const auto alert : array) alerts.push_back(read_alert(alert, index++));
}

csj_alert csj_parser::read_alert(dom::element element, size_t index) {
    const auto where = [index](const char *field) { return place{field, static_cast<ptrdiff_t>(index)}; };
    dom::object object;
    if (element.get(object)) wrong_type(where("").text(), "an object", element);
    csj_alert alert{};
    bool seen[7] = {};
    for (const auto &[key, value] : object) {
        if (key == "status") {
            once(seen[0], where(".status"));
            alert.is_resolved = read_is_resolved(value, where(".status"));
        } else if (key == "labels") {
            once(seen[1], where(".labels"));
            alert.labels = read_pairs(value, where(".labels"));
        } else if (key == "annotations") {
            once(seen[2], where(".annotations"));
            if (!value.is_null()) alert.annotations = read_pairs(value, where(".annotations"));
        } else if (key == "startsAt") {
            once(seen[3], where(".startsAt"));
            alert.starts_at = read_string(value, where(".startsAt"));
        } else if (key == "endsAt") {
            once(seen[4], where(".endsAt"));
            alert.ends_at = read_string(value, where(".endsAt"));
        } else if (key == "generatorURL") {
            once(seen[5], where(".generatorURL"));
            alert.generator_url = read_string(value, where(".generatorURL"));
        } else if (key == "fingerprint") {
            once(seen[6], where(".fingerprint"));
            alert.fingerprint = read_string(value, where(".fingerprint"));
        }
    }
    if (!seen[1]) throw failure{CSJ_WRONG_SHAPE, where(".labels").text() + ": missing"};
    for (size_t i = 0; i < alert.labels.count; i++) {
        const auto &pair = pairs[alert.labels.first + i];
        if (view(pair.name) == "severity") alert.severity = pair.value;
    }
    return alert;
}

csj_range csj_parser::read_pairs(dom::element element, place where) {
    dom::object object;
    if (element.get(object)) wrong_type(where.text(), "an object", element);
    const size_t first = pairs.size();
    for (const auto &[key, value] : object) {
        string_view text;
        if (value.get(text)) wrong_type((where.text() + "." + std::string(key)), "a string", value);
        pairs.push_back({string(key), string(text)});
    }
    const auto begin = pairs.begin() + static_cast<std::ptrdiff_t>(first);
    // Alertmanager sends them sorted; whoever does not shall be the same notification all the same.
    const auto before = [](const csj_pair &a, const csj_pair &b) { return view(a.name) < view(b.name); };
    if (!std::is_sorted(begin, pairs.end(), before)) std::sort(begin, pairs.end(), before);
    const auto same = [](const csj_pair &a, const csj_pair &b) { return view(a.name) == view(b.name); };
    const auto twice = std::adjacent_find(begin, pairs.end(), same);
    if (twice != pairs.end()) {
        throw failure{CSJ_DUPLICATE_KEY, where.text() + "." + std::string(view(twice->name)) + ": the key stands twice"};
    }
    return {first, pairs.size() - first};
}

void csj_parser::append(string_view text) {
    const uint64_t size = text.size();
    output.append(reinterpret_cast<const char *>(&size), sizeof size);
    output.append(text);
}

void csj_parser::append(csj_range range) {
    const uint64_t count = range.count;
    output.append(reinterpret_cast<const char *>(&count), sizeof count);
    for (size_t i = 0; i < range.count; i++) {
        append(view(pairs[range.first + i].name));
        append(view(pairs[range.first + i].value));
    }
}

extern "C" {

csj_parser *csj_parser_create(void) { return new csj_parser(); }
void csj_parser_free(csj_parser *parser) { delete parser; }
const char *csj_error(const csj_parser *parser) { return parser->error.c_str(); }

csj_result csj_parse(csj_parser *parser, const uint8_t *bytes, size_t size, csj_payload *payload) {
    try {
        parser->read(bytes, size);
        *payload = parser->payload;
        return CSJ_OK;
    } catch (const failure &failure) {
        parser->error = failure.message;
        return failure.result;
    }
}

csj_string csj_canonical(csj_parser *parser) {
    const auto &payload = parser->payload;
    auto &order = parser->order;
    parser->output.clear();
    parser->append(view(payload.receiver));
    parser->append(view(payload.group_key));
    parser->append(payload.is_resolved ? "resolved" : "firing");
    parser->append(std::to_string(payload.truncated_alerts));
    order.resize(payload.alert_count);
    for (uint32_t i = 0; i < order.size(); i++) order[i] = i;
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
        const int sign = view(payload.alerts[a].fingerprint).compare(view(payload.alerts[b].fingerprint));
        return sign != 0 ? sign < 0 : a < b;
    });
    for (const auto index : order) {
        const auto &alert = payload.alerts[index];
        parser->append(view(alert.fingerprint));
        parser->append(alert.is_resolved ? "resolved" : "firing");
        parser->append(view(alert.starts_at));
        parser->append(alert.is_resolved ? view(alert.ends_at) : string_view());
        parser->append(alert.labels);
        parser->append(alert.annotations);
    }
    return string(parser->output);
}

csj_string csj_subset(csj_parser *parser, const uint8_t *keep) {
    auto &output = parser->output;
    output = "{";
    dom::object object;
    if (parser->root.get(object)) return {nullptr, 0};
    for (const auto &[key, value] : object) {
        if (output.size() > 1) output += ',';
        append_quoted(output, key);
        output += ':';
        dom::array alerts;
        if (key == "alerts" && !value.get(alerts)) {
            append_kept(output, alerts, keep);
        } else {
            output += simdjson::minify(value);
        }
    }
    output += '}';
    return string(output);
}

} // extern "C"
