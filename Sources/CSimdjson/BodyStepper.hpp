#ifndef RELAY_BODY_STEPPER_HPP
#define RELAY_BODY_STEPPER_HPP

#include "Stepper.hpp"
#include "WebhookParser.hpp"

/// Steps through the body. The parser stores texts that have escapes.
class BodyStepper : public Stepper {
public:
    BodyStepper(webhook_parser &parser, const uint8_t *start) : Stepper(start, parser.body + parser.size), parser(parser) {}

    std::string_view text() {
        bool escaped;
        std::string_view raw = string(escaped);
        return escaped ? parser.unescape(raw) : raw;
    }

    /// Skips a value. Skips the longest one at once, because its end is known.
    void value() {
        bool is_longest = parser.longest.size > 0 && at == parser.body + parser.longest.start;
        if (is_longest) { at += parser.longest.size; } else { Stepper::value(); }
    }

private:
    webhook_parser &parser;
};

#endif
