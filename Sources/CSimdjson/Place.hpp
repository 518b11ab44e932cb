#ifndef RELAY_PLACE_HPP
#define RELAY_PLACE_HPP

#include <string>
#include <string_view>

/// A text in double quotes for a message: control characters become `?`, and what is long is cut.
std::string quoted(std::string_view text);

/// Where in a body a value stands; made for every value, written out only when that value is refused.
struct Place {
    static constexpr size_t no_alert = static_cast<size_t>(-1);

    size_t alert = no_alert;
    std::string_view field{};
    const std::string_view *name = nullptr;

    /// For example `alerts[3].labels.severity`, or `alerts[3].labels["a b"]` where the name is no plain word.
    std::string written() const;
};

#endif
