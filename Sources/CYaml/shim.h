#ifndef RELAY_CYAML_H
#define RELAY_CYAML_H

#include <yaml.h>

// Accessors for members of the anonymous unions in libyaml's nodes, which Swift cannot import.

static inline const char *relay_yaml_scalar(const yaml_node_t *node) {
    return (const char *)node->data.scalar.value;
}

static inline size_t relay_yaml_scalar_length(const yaml_node_t *node) { return node->data.scalar.length; }

/// Whether the scalar is quoted or a block scalar, so that an empty one is intentional.
static inline int relay_yaml_is_quoted(const yaml_node_t *node) {
    return node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

static inline size_t relay_yaml_count(const yaml_node_t *node) {
    return node->type == YAML_SEQUENCE_NODE
        ? (size_t)(node->data.sequence.items.top - node->data.sequence.items.start)
        : (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
}

static inline int relay_yaml_item(const yaml_node_t *node, size_t index) {
    return node->data.sequence.items.start[index];
}

static inline int relay_yaml_key(const yaml_node_t *node, size_t index) {
    return node->data.mapping.pairs.start[index].key;
}

static inline int relay_yaml_value(const yaml_node_t *node, size_t index) {
    return node->data.mapping.pairs.start[index].value;
}

#endif
