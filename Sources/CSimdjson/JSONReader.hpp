#ifndef RELAY_JSON_READER_HPP
#define RELAY_JSON_READER_HPP

#include "Stepper.hpp"
#include "WebhookParser.hpp"

/// Reads and validates JSON (RFC 8259 and the limits in CSimdjson.h). Its only state is its position; the depth limit
/// bounds the recursion. Numbers may have any length and exponent. Allocates no memory.
///
/// Throws a Refusal with the fault, its line and its column.
class JSONReader {
public:
    /// A string as sent: the bytes between its quotes.
    struct Text {
        std::string_view raw;
        bool has_escapes;
    };

    /// - Parameter is_utf8: the bytes are valid UTF-8, so that characters need no individual check.
    JSONReader(const uint8_t *bytes, size_t size, bool is_utf8)
        : at(bytes), begin(bytes), end(bytes + size), is_utf8(is_utf8) {}

    const uint8_t *at;
    /// The longest array or object that `value` has read as a direct member of the body's object.
    Span longest{0, 0};

    /// Reads the whole body. Calls `root` at its value, which `root` must read.
    template <typename Root> void document(Root root) {
        start();
        root();
        space();
        if (at != end) { fail("more text after the end of the JSON value"); }
    }

    /// Skips a value.
    ///
    /// - Parameter depth: the nesting of the value, for an array or object; 1 for the body itself.
    void value(int depth);

    /// The byte at the position; -1 at the end.
    int peek() const { return at < end ? *at : -1; }

    /// Reads the object at the position. Calls `member` at each value with its name. `member` must read the value.
    template <typename Member> void members(int depth, Member member) {
        enter(depth);
        if (consume('}')) { return; }
        while (true) {
            if (peek() != '"') { fail("expected a name in double quotes"); }
            Text name = text();
            space();
            if (!consume(':')) { fail("expected ':' after the name"); }
            space();
            member(name);
            space();
            if (consume('}')) { return; }
            if (!consume(',')) { fail("expected ',' or '}' in the object"); }
            space();
        }
    }

    /// Reads the array at the position. Calls `element` at each value, which `element` must read.
    template <typename Element> void elements(int depth, Element element) {
        enter(depth);
        if (consume(']')) { return; }
        while (true) {
            element();
            space();
            if (consume(']')) { return; }
            if (!consume(',')) { fail("expected ',' or ']' in the array"); }
            space();
        }
    }

    /// Reads the string at the position.
    Text text() {
        const uint8_t *start = at + 1;
        const uint8_t *stop = is_utf8 ? find_special(start, end) : start;
        bool is_plain = is_utf8 && stop < end && *stop == '"';
        if (is_plain) { at = stop + 1; } else { checked_string(); }
        return {{reinterpret_cast<const char *>(start), static_cast<size_t>(at - 1 - start)}, !is_plain};
    }

private:
    const uint8_t *begin;
    const uint8_t *end;
    bool is_utf8;

    [[noreturn]] void fail(const char *what, webhook_fault fault = WEBHOOK_INVALID_JSON) const;
    void start();
    void container(int depth);
    void word(const char *wanted);
    void number();
    void digits();
    void checked_string();
    void escape();
    void escaped_character(const uint8_t *start);
    int unit();
    void character();

    bool digit() const { return at < end && *at >= '0' && *at <= '9'; }

    bool consume(char wanted) {
        if (peek() != wanted) { return false; }
        at++;
        return true;
    }

    void space() {
        while (at < end && *at <= ' ' && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) { at++; }
    }

    void enter(int depth) {
        const uint8_t *start = at++;
        space();
        // An empty array or object does not count as a level.
        if (depth > WEBHOOK_DEPTH_LIMIT && peek() != ']' && peek() != '}') {
            at = start;
            fail("nested deeper than 64 levels", WEBHOOK_TOO_DEEP);
        }
    }
};

#endif
