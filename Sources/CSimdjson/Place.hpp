#ifndef RELAY_PLACE_HPP
#define RELAY_PLACE_HPP

#include <string>
#include <string_view>

/// A text in double quotes for an error message. Control characters become `?`, and long texts are truncated.
std::string quoted(std::string_view text);

/// The path of a value in the body. Made for every value, formatted only if the value is refused.
struct Place {
    static constexpr size_t no_alert = static_cast<size_t>(-1);

    size_t alert = no_alert;
    std::string_view field{};

    /// For example `version`, or `alerts[3]`.
    std::string written() const;
};

#endif
