#include "WebhookParser.hpp"

#include <malloc.h>

#include <new>

#include <simdjson.h>

#include "JSONReader.hpp"
#include "Unescape.hpp"

namespace {

/// The size of a body above which `trim` frees memory.
constexpr size_t trim_above = 1024 * 1024;

template <typename Element> void release(std::vector<Element> &vector) { std::vector<Element>().swap(vector); }

}  // namespace

void webhook_parser::parse(const uint8_t *bytes, size_t count) {
    body = bytes;
    size = count;
    clear();
    if (size == 0) { throw Refusal{WEBHOOK_EMPTY, "the body is empty"}; }
    bool is_utf8 = simdjson::validate_utf8(reinterpret_cast<const char *>(bytes), size);
    if (is_utf8 && read_usual_payload(*this)) { return; }
    clear();
    JSONReader reader(body, size, is_utf8);
    reader.document([&] { reader.value(1); });
    longest = reader.longest;
    read_payload(*this);
}

void webhook_parser::clear() {
    payload = {};
    longest = {};
    pairs.clear();
    alerts.clear();
    raw_alerts.clear();
    unescaped_size = 0;
}

std::string_view webhook_parser::unescape(std::string_view raw) {
    if (unescaped_capacity < size) {
        // The old buffer holds no strings of this body.
        unescaped.reset();
        unescaped_capacity = 0;
        unescaped.reset(new char[size]);
        unescaped_capacity = size;
    }
    // Cannot happen as long as each string is read once; checked because an overflow would corrupt memory.
    if (raw.size() > unescaped_capacity - unescaped_size) { throw std::bad_alloc(); }
    char *start = unescaped.get() + unescaped_size;
    size_t length = write_unescaped(raw, start);
    unescaped_size += length;
    return {start, length};
}

void webhook_memory_map_from(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }

void webhook_parser::trim() {
    if (size <= trim_above) { return; }
    release(pairs);
    release(alerts);
    release(raw_alerts);
    release(order);
    release(grafana_values);
    grafana_text.reset();
    unescaped.reset();
    unescaped_capacity = 0;
    payload = {};
    // Return the allocator's free memory to the system.
    malloc_trim(0);
}
