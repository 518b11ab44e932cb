#include "LongIntegers.hpp"

#include <algorithm>
#include <cstring>

namespace {

bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

bool is_one_of(uint8_t byte, const char *set) { return byte != 0 && std::strchr(set, byte) != nullptr; }

/// The first byte after the string that begins at `at`, or `end` where it has no end.
uint8_t *after_string(uint8_t *at, uint8_t *end) {
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\') { at++; }
    }
    return at < end ? at + 1 : end;
}

}  // namespace

bool shorten_long_integers(uint8_t *at, uint8_t *end) {
    constexpr std::ptrdiff_t always_fit = 18;
    bool found = false;
    uint8_t before = ' ';
    while (at < end) {
        if (*at == '"') {
            at = after_string(at, end);
            before = '"';
            continue;
        }
        uint8_t *start = at;
        if (*at == '-') { at++; }
        uint8_t *digits = at;
        at = std::find_if_not(at, end, is_digit);
        bool whole = is_one_of(before, "[:, \t\r\n") && (at == end || is_one_of(*at, "]}, \t\r\n"));
        if (at - digits > always_fit && *digits != '0' && whole) {
            std::fill(start, at, ' ');
            std::memcpy(start, "0.5", 3);
            found = true;
        }
        if (at == start) { at++; }
        before = at[-1];
    }
    return found;
}
