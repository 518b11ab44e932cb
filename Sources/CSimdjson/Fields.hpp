#ifndef RELAY_FIELDS_HPP
#define RELAY_FIELDS_HPP

#include <array>
#include <initializer_list>

#include "BodyStepper.hpp"
#include "Place.hpp"
#include "WebhookParser.hpp"

/// The start of a value in the body.
using Value = const uint8_t *;

inline void count_odd(webhook_parser &parser, webhook_oddity oddity) { parser.payload.oddities[oddity]++; }

/// The JSON of a value that is not a string.
inline std::string_view json_of(webhook_parser &parser, Value value) {
    Stepper stepper(value, parser.body + parser.size);
    stepper.value();
    return {reinterpret_cast<const char *>(value), static_cast<size_t>(stepper.at - value)};
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
    Fields(webhook_parser &parser, BodyStepper &stepper, const std::array<std::string_view, count> &names)
        : parser(parser), names(names) {
        for_each_field(stepper, [&](std::string_view name) {
            add(name, stepper.at);
            stepper.value();
        });
    }

    /// The body has the field, which may be null.
    bool is_given(size_t field) const { return (given >> field & 1) != 0; }
    bool has(size_t field) const { return (present >> field & 1) != 0; }
    bool has_more() const { return more; }
    Value operator[](size_t field) const { return values[field]; }
    Place place(size_t field) const { return {Place::no_alert, names[field]}; }

    /// The field's text; `start` is NULL if it is absent or not a string.
    webhook_string string(size_t field) const {
        if (!has(field)) { return {nullptr, 0}; }
        if (*values[field] == '"') { return view(BodyStepper(parser, values[field]).text()); }
        count_odd(parser, WEBHOOK_ODD_FIELD);
        return {nullptr, 0};
    }

    /// The same, but never NULL.
    webhook_string text(size_t field) const {
        webhook_string found = string(field);
        return found.start == nullptr ? webhook_string{"", 0} : found;
    }

    /// The JSON of a number, which the caller parses; `start` is NULL if the field is absent or no number.
    webhook_string number(size_t field) const {
        if (!has(field)) { return {nullptr, 0}; }
        Value value = values[field];
        if (*value == '-' || (*value >= '0' && *value <= '9')) { return view(json_of(parser, value)); }
        count_odd(parser, WEBHOOK_ODD_FIELD);
        return {nullptr, 0};
    }

    /// The text of a time, which the caller parses.
    webhook_string time(size_t field) const {
        if (!has(field)) { return {nullptr, 0}; }
        return *values[field] == '"' ? string(field) : view(json_of(parser, values[field]));
    }

    /// Counts the fields that are absent or null.
    void expect(std::initializer_list<size_t> fields) const {
        for (size_t field : fields) {
            if (!has(field)) { count_odd(parser, WEBHOOK_ODD_MISSING); }
        }
    }

private:
    webhook_parser &parser;
    const std::array<std::string_view, count> &names;
    unsigned given = 0;
    unsigned present = 0;
    bool more = false;
    std::array<Value, count> values{};

    void add(std::string_view name, Value value) {
        for (size_t field = 0; field < count; field++) {
            if (names[field] != name) { continue; }
            if ((given >> field & 1) != 0) { count_odd(parser, WEBHOOK_ODD_DUPLICATE); }
            given |= 1u << field;
            present = (present & ~(1u << field)) | (*value == 'n' ? 0u : 1u << field);
            values[field] = value;
            return;
        }
        more = true;
    }
};

#endif
