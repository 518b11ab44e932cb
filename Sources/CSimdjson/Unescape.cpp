#include "Unescape.hpp"

#include <cstdint>
#include <cstring>

namespace {

/// The UTF-16 code unit in four hexadecimal digits.
uint32_t unit(const char *at) {
    uint32_t code = 0;
    for (int place = 0; place < 4; place++) {
        uint32_t character = static_cast<unsigned char>(at[place]);
        code = code << 4 | (character <= '9' ? character - '0' : (character | 0x20) - 'a' + 10);
    }
    return code;
}

char *write(uint32_t code, char *into) {
    auto continuation = [&](int shift) { *into++ = static_cast<char>(0x80 | (code >> shift & 0x3F)); };
    if (code < 0x80) {
        *into++ = static_cast<char>(code);
    } else if (code < 0x800) {
        *into++ = static_cast<char>(0xC0 | code >> 6);
        continuation(0);
    } else if (code < 0x10000) {
        *into++ = static_cast<char>(0xE0 | code >> 12);
        continuation(6);
        continuation(0);
    } else {
        *into++ = static_cast<char>(0xF0 | code >> 18);
        continuation(12);
        continuation(6);
        continuation(0);
    }
    return into;
}

char plain(char escape) {
    switch (escape) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return escape;
    }
}

}  // namespace

size_t write_unescaped(std::string_view raw, char *into) {
    char *start = into;
    const char *at = raw.data();
    const char *end = at + raw.size();
    while (at < end) {
        const void *found = std::memchr(at, '\\', static_cast<size_t>(end - at));
        const char *stop = found == nullptr ? end : static_cast<const char *>(found);
        std::memcpy(into, at, static_cast<size_t>(stop - at));
        into += stop - at;
        at = stop;
        if (at == end) { break; }
        if (at[1] != 'u') {
            *into++ = plain(at[1]);
            at += 2;
            continue;
        }
        uint32_t code = unit(at + 2);
        at += 6;
        if (code >= 0xD800 && code < 0xDC00) {
            code = 0x10000 + ((code - 0xD800) << 10) + (unit(at + 2) - 0xDC00);
            at += 6;
        }
        into = write(code, into);
    }
    return static_cast<size_t>(into - start);
}
