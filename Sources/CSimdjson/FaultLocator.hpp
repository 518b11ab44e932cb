#ifndef RELAY_FAULT_LOCATOR_HPP
#define RELAY_FAULT_LOCATOR_HPP

#include "WebhookParser.hpp"

/// Throws a Refusal that says what keeps a text from being JSON (RFC 8259, plus our limits) and at which line and
/// column. Numbers may have any length and exponent. Takes no memory.
///
/// Returns where the longest array or object lies that is a value of the body's own object; empty where it has none.
Span check_json(const uint8_t *bytes, size_t size);

#endif
