import Alerts
import DeliveryCore
import Posting

/// What the messages of a composition state beside its alerts.
extension OutboundQueue {
    func render(
        _ cargo: DeliveryBatch, _ manifest: Manifest, _ composition: Composition, _ settings: QueueSettings,
        _ target: any Target
    ) -> RenderedBatch {
        target.render(
            RenderBatch(
                cargo.content, form: composition.form, severity: destination.severity,
                banner: banner(of: manifest, composition, settings), repeats: cargo.repeats,
                thread: thread(of: cargo, composition, settings),
                firstID: cargo.entries.first.map { "\($0.id)" } ?? "", now: .now()))
    }

    private func banner(
        of manifest: Manifest, _ composition: Composition, _ settings: QueueSettings
    ) -> MessageBanner {
        var banner = MessageBanner()
        if composition.marks.contains(.rerouted) {
            banner.rerouted = settings.receiver ?? destination.severity.rawValue
            if composition.marks.contains(.refused) { banner.reroute = .roomRefusesIt }
        }
        if composition.marks.contains(.replayed) {
            banner.replayed = manifest.entries.first?.acceptedAt
            banner.isOver = !manifest.over.isEmpty && !manifest.isFiring
        }
        return banner
    }

    private func thread(
        of cargo: DeliveryBatch, _ composition: Composition, _ settings: QueueSettings
    ) -> RenderBatch.Thread {
        guard settings.usesThreads, composition.form != .notice, case .single(_, let payload) = cargo else {
            return .none
        }
        guard payload.status == .resolved, payload.truncatedAlerts == 0 else { return .start }
        return composition.thread.map { .reply($0) } ?? .none
    }
}
