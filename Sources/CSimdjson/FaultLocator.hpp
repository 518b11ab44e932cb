#ifndef RELAY_FAULT_LOCATOR_HPP
#define RELAY_FAULT_LOCATOR_HPP

#include "WebhookParser.hpp"

/// Validates JSON (RFC 8259 and the limits in CSimdjson.h). Throws a Refusal with the fault, its line and its column.
/// Numbers may have any length and exponent. Allocates no memory.
///
/// Returns the longest array or object that is a direct member of the body's object; empty if there is none.
Span check_json(const uint8_t *bytes, size_t size);

#endif
