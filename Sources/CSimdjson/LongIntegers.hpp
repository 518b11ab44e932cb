#ifndef RELAY_LONG_INTEGERS_HPP
#define RELAY_LONG_INTEGERS_HPP

#include <cstddef>
#include <cstdint>

/// Puts a fraction and spaces in the place of integers that may not fit 64 bits; says whether there were any.
///
/// simdjson 3.0.1 refuses a whole text for one of them, though they are JSON and stand in fields that nobody reads:
/// Go writes the float 2^64 as 18446744073709552000, and Grafana sends the floats it alerts on. A fraction, so that a
/// field which is read and must be whole is still refused. The text need not be valid JSON.
bool shorten_long_integers(uint8_t *at, uint8_t *end);

#endif
