#ifndef RELAY_STEPPER_HPP
#define RELAY_STEPPER_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte must be a word's lowest");

/// The first byte from `at` on that is a quote, a backslash or below 0x20; `end` if there is none.
inline const uint8_t *find_special(const uint8_t *at, const uint8_t *end) {
    // Sixteen bytes at a time, with the processor's vector instructions. One bit a byte.
    typedef uint8_t Bytes __attribute__((ext_vector_type(16)));
    typedef bool Bits __attribute__((ext_vector_type(16)));
    while (end - at >= 16) {
        Bytes bytes;
        std::memcpy(&bytes, at, 16);
        Bits found = __builtin_convertvector((bytes == '"') | (bytes == '\\') | (bytes < 0x20), Bits);
        uint16_t mask;
        static_assert(sizeof found == sizeof mask);
        std::memcpy(&mask, &found, sizeof mask);
        if (mask != 0) { return at + __builtin_ctz(mask); }
        at += 16;
    }
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20) { at++; }
    return at;
}

/// Steps through valid JSON, which must end within [at, end).
class Stepper {
public:
    Stepper(const uint8_t *start, const uint8_t *end) : at(start), end(end) {}
    const uint8_t *at;
    const uint8_t *end;

    void space() {
        while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') { at++; }
    }

    /// Skips white space and the next byte.
    void byte() {
        space();
        at++;
    }

    /// Skips white space, and the next byte if it is `wanted`. Returns whether it is.
    bool take(char wanted) {
        space();
        if (*at != wanted) { return false; }
        at++;
        return true;
    }

    /// Skips a string. Returns the text between its quotes, and sets `escaped` if it contains escapes.
    std::string_view string(bool &escaped) {
        const uint8_t *start = ++at;
        escaped = false;
        for (at = find_special(at, end); *at == '\\'; at = find_special(at + 2, end)) { escaped = true; }
        return {reinterpret_cast<const char *>(start), static_cast<size_t>(at++ - start)};
    }

    void value() {
        space();
        size_t depth = 0;
        bool escaped;
        do {
            switch (*at) {
            case '"': string(escaped); break;
            case '{':
            case '[': depth++; at++; break;
            case '}':
            case ']': depth--; at++; break;
            default:
                // Outside of arrays and objects, only a number or a word is left.
                if (depth == 0) { return scalar(); }
                at++;
            }
        } while (depth > 0);
    }

private:
    void scalar() {
        while (at < end
               && ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') || *at == 'E' || *at == '+' || *at == '-'
                   || *at == '.')) {
            at++;
        }
    }
};

#endif
