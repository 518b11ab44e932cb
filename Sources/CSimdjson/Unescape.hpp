#ifndef RELAY_UNESCAPE_HPP
#define RELAY_UNESCAPE_HPP

#include <cstddef>
#include <string_view>

/// Writes the text of a valid JSON string, which is given without quotes. Returns its length, at most that of `raw`.
size_t write_unescaped(std::string_view raw, char *into);

#endif
