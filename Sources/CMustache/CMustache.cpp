#include "CMustache.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include <kainjow/mustache.hpp>

using kainjow::mustache::basic_context;
using kainjow::mustache::data;
using kainjow::mustache::list;
using kainjow::mustache::mustache;

struct mustache_template {
    mustache engine;
    size_t size;
};

namespace {

/// A limit was exceeded.
struct too_much {};

std::string mark(uint32_t node) {
    return std::string(1, MUSTACHE_OPEN) + std::to_string(node) + std::string(1, MUSTACHE_CLOSE);
}

/// The engine's strings are marks of nodes, so that it never sees a value.
uint32_t node(const data &value) {
    return value.is_string() ? static_cast<uint32_t>(std::strtoul(value.string_value().c_str() + 1, nullptr, 10)) : 0;
}

/// Resolves names by a callback and counts the work.
class bounded_context : public basic_context<std::string> {
public:
    bounded_context(const uint32_t *stack, size_t depth, size_t size, mustache_lookup lookup, void *context)
        : stack_(stack, stack + depth), outer_(depth), size_(size), lookup_(lookup), context_(context) {}

    void push(const data *value) override {
        if (stack_.size() - outer_ >= MUSTACHE_DEPTH_LIMIT || (sections_ + 1) * size_ > MUSTACHE_WORK_LIMIT) {
            throw too_much();
        }
        sections_++;
        stack_.push_back(node(*value));
    }

    void pop() override { stack_.pop_back(); }

    const data *get(const std::string &name) const override {
        if (values_.size() >= MUSTACHE_LOOKUP_LIMIT) { throw too_much(); }
        mustache_value found = lookup_(context_, stack_.data(), stack_.size(), name.data(), name.size());
        switch (found.kind) {
            case MUSTACHE_NODE: values_.emplace_back(mark(found.first)); break;
            case MUSTACHE_LIST: {
                items_ += found.count;
                if (items_ > MUSTACHE_LOOKUP_LIMIT) { throw too_much(); }
                list items;
                for (uint32_t index = 0; index < found.count; index++) { items.emplace_back(mark(found.first + index)); }
                values_.emplace_back(items);
                break;
            }
            default: values_.emplace_back(false);
        }
        return &values_.back();
    }

    /// Partials would read other templates; there are none.
    const data *get_partial(const std::string &) const override { return nullptr; }

private:
    std::vector<uint32_t> stack_;
    size_t outer_;
    size_t size_;
    mustache_lookup lookup_;
    void *context_;
    size_t sections_ = 0;
    mutable size_t items_ = 0;
    /// A deque, because the engine keeps pointers into it.
    mutable std::deque<data> values_;
};

struct bounded_output {
    std::string text;

    bounded_output &operator<<(const std::string &part) {
        if (part.size() > MUSTACHE_OUTPUT_LIMIT - text.size()) { throw too_much(); }
        text += part;
        return *this;
    }
};

/// Separates the engine's `… at 12` into the reason and the position.
void explain(const std::string &error, size_t *offset, char *message, size_t capacity) {
    size_t at = error.rfind(" at ");
    *offset = at == std::string::npos ? 0 : std::strtoul(error.c_str() + at + 4, nullptr, 10);
    if (capacity == 0) { return; }
    size_t size = std::min(std::min(at, error.size()), capacity - 1);
    std::memcpy(message, error.data(), size);
    message[size] = 0;
}

}  // namespace

mustache_template *mustache_template_compile(
    const char *text, size_t size, size_t *offset, char *message, size_t capacity) {
    try {
        auto *compiled = new mustache_template{mustache(std::string(text, size)), std::max<size_t>(size, 1)};
        if (compiled->engine.is_valid()) {
            compiled->engine.set_custom_escape(
                [](const std::string &value) { return std::string(1, MUSTACHE_ESCAPED) + value; });
            return compiled;
        }
        explain(compiled->engine.error_message(), offset, message, capacity);
        delete compiled;
    } catch (...) {
        explain("there is no memory at 0", offset, message, capacity);
    }
    return nullptr;
}

void mustache_template_destroy(mustache_template *compiled) { delete compiled; }

mustache_result mustache_template_render(
    const mustache_template *compiled, const uint32_t *stack, size_t depth, mustache_lookup lookup, mustache_write write,
    void *context) {
    try {
        bounded_context names(stack, depth, compiled->size, lookup, context);
        bounded_output output;
        // The engine writes to itself only for lambdas and partials, which no lookup returns.
        const_cast<mustache &>(compiled->engine).render(names, output);
        write(context, output.text.data(), output.text.size());
        return MUSTACHE_DONE;
    } catch (...) {
        return MUSTACHE_TOO_MUCH;
    }
}
