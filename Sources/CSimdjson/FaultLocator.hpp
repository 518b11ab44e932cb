#ifndef RELAY_FAULT_LOCATOR_HPP
#define RELAY_FAULT_LOCATOR_HPP

#include <optional>

#include "WebhookParser.hpp"

/// Says what keeps a text from being JSON (RFC 8259, plus our limits) and at which line and column; nothing if it is.
///
/// A slow second reader: simdjson says that a text is wrong, not where.
std::optional<Refusal> locate_fault(const uint8_t *bytes, size_t size);

#endif
