#include "CRE2.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <re2/re2.h>

struct label_pattern {
    re2::RE2 compiled;
    size_t instructions;
};

namespace {

re2::RE2::Options options() {
    re2::RE2::Options result;
    // Otherwise RE2 writes to stderr, regardless of the log's format and level.
    result.set_log_errors(false);
    result.set_max_mem(LABEL_PATTERN_MEMORY_LIMIT);
    // Captures are not used, and RE2 is faster without them.
    result.set_never_capture(true);
    return result;
}

/// Whether the pattern contains the escape `\C` (any byte). RE2 in C++ accepts it, Go's regexp does not, because it can
/// split a character.
bool has_byte_escape(const std::string &text) {
    bool literal = false;
    for (size_t at = 0; at + 1 < text.size(); at++) {
        if (text[at] != '\\') { continue; }
        char next = text[at + 1];
        if (literal) {
            if (next == 'E') { literal = false, at++; }
            continue;
        }
        if (next == 'C') { return true; }
        if (next == 'Q') { literal = true; }
        at++;
    }
    return false;
}

void copy_message(const std::string &what, char *message, size_t capacity) {
    if (capacity == 0) { return; }
    size_t size = std::min(what.size(), capacity - 1);
    std::memcpy(message, what.data(), size);
    message[size] = 0;
}

/// RE2's error message, with the faulty part of the pattern unless that is the entire pattern.
std::string explanation(const re2::RE2 &compiled) {
    if (compiled.error_code() == re2::RE2::ErrorPatternTooLarge) {
        return "it is too large: compiled it takes more than " + std::to_string(LABEL_PATTERN_MEMORY_LIMIT / 1024)
            + " KiB";
    }
    std::string part = compiled.error_arg();
    if (part.empty() || part == compiled.pattern()) {
        std::string whole = compiled.error();
        size_t colon = part.empty() ? std::string::npos : whole.rfind(": " + part);
        return whole.substr(0, colon);
    }
    return compiled.error();
}

}  // namespace

label_pattern *label_pattern_compile(const char *text, size_t size, char *message, size_t capacity) {
    try {
        std::string pattern(text, size);
        if (has_byte_escape(pattern)) {
            copy_message("invalid escape sequence: \\C", message, capacity);
            return nullptr;
        }
        auto *result = new label_pattern{re2::RE2("^(?:" + pattern + ")$", options()), 0};
        if (!result->compiled.ok()) {
            copy_message(explanation(result->compiled), message, capacity);
            delete result;
            return nullptr;
        }
        result->instructions = static_cast<size_t>(std::max(1, result->compiled.ProgramSize()));
        return result;
    } catch (...) {
        copy_message("there is no memory", message, capacity);
        return nullptr;
    }
}

void label_pattern_destroy(label_pattern *pattern) { delete pattern; }

label_pattern_result label_pattern_match(const label_pattern *pattern, const char *value, size_t size) {
    if (size > LABEL_PATTERN_STEP_LIMIT / pattern->instructions) { return LABEL_PATTERN_TOO_MUCH_WORK; }
    try {
        re2::StringPiece text(value, size);
        bool found = pattern->compiled.Match(text, 0, size, re2::RE2::UNANCHORED, nullptr, 0);
        return found ? LABEL_PATTERN_MATCH : LABEL_PATTERN_NO_MATCH;
    } catch (...) {
        return LABEL_PATTERN_TOO_MUCH_WORK;
    }
}
