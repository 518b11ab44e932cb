#include "Place.hpp"

#include <algorithm>
#include <cctype>

namespace {

constexpr size_t longest_quote = 64;

bool is_plain(std::string_view name) {
    return !name.empty() && name.size() <= longest_quote && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return c < 0x80 && (std::isalnum(c) || c == '_');
    });
}

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
    if (name != nullptr) { result += is_plain(*name) ? "." + std::string(*name) : "[" + quoted(*name) + "]"; }
    return result;
}
