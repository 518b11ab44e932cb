#include "JSONReader.hpp"

#include <cstring>

void JSONReader::fail(const char *what, webhook_fault fault) const {
    size_t line = 1;
    const uint8_t *line_start = begin;
    for (const uint8_t *byte = begin; byte < at; byte++) {
        if (*byte == '\n') {
            line++;
            line_start = byte + 1;
        }
    }
    throw Refusal{
        fault, "line " + std::to_string(line) + ", column " + std::to_string(at - line_start + 1) + ": " + what};
}

void JSONReader::start() {
    if (end - begin >= 3 && std::memcmp(begin, "\xEF\xBB\xBF", 3) == 0) {
        fail("the body begins with a byte order mark, which JSON does not allow (RFC 8259 section 8.1)");
    }
    space();
    if (at == end) { fail("the body holds only white space", WEBHOOK_EMPTY); }
}

void JSONReader::value(int depth) {
    switch (peek()) {
    case '{':
    case '[': return container(depth);
    case '"': text(); return;
    case 't': return word("true");
    case 'f': return word("false");
    case 'n': return word("null");
    case -1: fail("the body ends where a value should stand");
    default: break;
    }
    if (*at == '-' || digit()) { return number(); }
    fail("expected a value (NaN, Infinity and bare words are not JSON)");
}

void JSONReader::container(int depth) {
    const uint8_t *start = at;
    if (*at == '{') {
        members(depth, [&](Text) { value(depth + 1); });
    } else {
        elements(depth, [&] { value(depth + 1); });
    }
    size_t length = static_cast<size_t>(at - start);
    if (depth == 2 && length > longest.size) { longest = {static_cast<size_t>(start - begin), length}; }
}

void JSONReader::word(const char *wanted) {
    size_t length = std::strlen(wanted);
    if (static_cast<size_t>(end - at) < length || std::memcmp(at, wanted, length) != 0) {
        fail("expected a value (bare words are not JSON)");
    }
    at += length;
}

void JSONReader::number() {
    consume('-');
    if (!consume('0')) { digits(); }
    if (digit()) { fail("a number must not begin with 0"); }
    if (consume('.')) {
        digits();
    }
    if (consume('e') || consume('E')) {
        if (!consume('+')) { consume('-'); }
        digits();
    }
}

void JSONReader::digits() {
    if (!digit()) { fail("expected a digit"); }
    while (digit()) { at++; }
}

void JSONReader::checked_string() {
    const uint8_t *start = at++;
    while (at < end) {
        if (is_utf8) { at = find_special(at, end); }
        if (at == end || *at == '"') { break; }
        if (*at < 0x20) { fail("a control character in a string must be escaped"); }
        if (*at == '\\') {
            escape();
        } else if (*at < 0x80) {
            at++;
        } else {
            character();
        }
    }
    if (at == end) {
        at = start;
        fail("a string without its closing quote");
    }
    at++;
}

void JSONReader::escape() {
    const uint8_t *start = at++;
    if (at < end && *at == 'u') { return escaped_character(start); }
    if (at == end || std::strchr("\"\\/bfnrt", *at) == nullptr || *at == 0) {
        at = start;
        fail("an unknown escape in a string");
    }
    at++;
}

void JSONReader::escaped_character(const uint8_t *start) {
    int code = unit();
    if (code >= 0xD800 && code < 0xDC00 && consume('\\') && peek() == 'u') {
        code = unit() >> 10 == 0xDC00 >> 10 ? 0 : 0xD800;
    }
    if (code >= 0xD800 && code < 0xE000) {
        at = start;
        fail("half of a surrogate pair in a string");
    }
}

/// The UTF-16 code unit in the four hexadecimal digits after `u`.
int JSONReader::unit() {
    at++;
    int code = 0;
    for (int place = 0; place < 4; place++) {
        int character = peek();
        int lower = character | 0x20;
        if (character >= '0' && character <= '9') {
            code = code * 16 + character - '0';
        } else if (character >= 0 && lower >= 'a' && lower <= 'f') {
            code = code * 16 + lower - 'a' + 10;
        } else {
            fail("expected four hex digits after \\u");
        }
        at++;
    }
    return code;
}

/// One character of two to four bytes (RFC 3629 section 4).
void JSONReader::character() {
    int lead = *at;
    int length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    int second = end - at > 1 ? at[1] : 0;
    int lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    int highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    bool valid = lead >= 0xC2 && lead <= 0xF4 && end - at >= length && second >= lowest && second <= highest;
    for (int place = 2; valid && place < length; place++) { valid = (at[place] & 0xC0) == 0x80; }
    if (!valid) { fail("invalid UTF-8", WEBHOOK_INVALID_UTF8); }
    at += length;
}
