#include "Place.hpp"

namespace {

constexpr size_t longest_quote = 64;

/// The longest prefix of complete characters within the limit.
std::string_view cut(std::string_view text) {
    if (text.size() <= longest_quote) { return text; }
    size_t size = longest_quote;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) { size--; }
    return text.substr(0, size);
}

}  // namespace

std::string quoted(std::string_view text) {
    std::string_view kept = cut(text);
    std::string result = "\"";
    for (char character : kept) {
        bool control = static_cast<unsigned char>(character) < 0x20 || character == 0x7F;
        if (character == '"' || character == '\\') { result += '\\'; }
        result += control ? '?' : character;
    }
    result += kept.size() < text.size() ? "…\"" : "\"";
    return result;
}

std::string Place::written() const {
    std::string result;
    if (alert != no_alert) { result = "alerts[" + std::to_string(alert) + "]"; }
    if (!field.empty()) {
        if (!result.empty()) { result += '.'; }
        result += field;
    }
    return result;
}
