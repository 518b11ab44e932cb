#ifndef RELAY_FIELD_NAMES_HPP
#define RELAY_FIELD_NAMES_HPP

#include <array>
#include <string_view>

// The fields that the readers know. Each enumerator is the index of its name. The namespace is unnamed because the
// enumerators are common words.

namespace {

constexpr std::array<std::string_view, 15> payload_fields = {
    "version", "receiver", "status", "groupKey", "truncatedAlerts", "groupLabels", "commonLabels",
    "commonAnnotations", "externalURL", "alerts", "notification_reason", "title", "message", "state", "orgId"};
enum { version, receiver, status, group_key, truncated_alerts, group_labels, common_labels,
       common_annotations, external_url, alerts, notification_reason, title, message, state, org_id };

constexpr std::array<std::string_view, 7> alert_fields = {
    "status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"};
enum { alert_status, labels, annotations, starts_at, ends_at, generator_url, fingerprint };

}  // namespace

#endif
