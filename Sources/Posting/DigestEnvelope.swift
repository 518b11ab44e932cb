package import Alerts

/// What the notifications of a digest have in common beside their alerts.
package struct DigestEnvelope: Sendable {
    /// Alertmanager's receiver; empty if the notifications differ.
    package private(set) var receiver = ""
    package private(set) var groupLabels = Labels()
    package private(set) var commonLabels = Labels()
    package private(set) var commonAnnotations = Labels()
    package private(set) var grafana = GrafanaEnvelope()

    /// Adds a notification.
    ///
    /// - Parameter isFirst: whether no other was added before.
    mutating func add(_ payload: Payload, isFirst: Bool) {
        guard !isFirst else {
            receiver = payload.receiver
            groupLabels = payload.groupLabels
            commonLabels = payload.commonLabels
            commonAnnotations = payload.commonAnnotations
            grafana = payload.grafana
            return
        }
        if receiver != payload.receiver { receiver = "" }
        groupLabels.pairs.removeAll { payload.groupLabels[$0.name] != $0.value }
        commonLabels.pairs.removeAll { payload.commonLabels[$0.name] != $0.value }
        commonAnnotations.pairs.removeAll { payload.commonAnnotations[$0.name] != $0.value }
        grafana.keepShared(with: payload.grafana)
    }
}
