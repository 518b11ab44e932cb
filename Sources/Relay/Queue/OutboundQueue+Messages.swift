import Alerts
import DeliveryCore
import Posting

/// What the messages of a composition state beside its alerts.
extension OutboundQueue {
    /// Renders a message for each channel, and the copies of a single one.
    func render(
        _ cargo: DeliveryBatch, _ sections: [ChannelSections.Section], _ manifest: Manifest, _ composition: Composition,
        _ settings: QueueSettings, _ target: any Target
    ) -> (messages: [OutboundMessage], copies: Int, faults: Set<RenderFault>) {
        var batch = RenderBatch(
            cargo.content, form: composition.form, severity: destination.severity,
            banner: banner(of: manifest, composition, settings), repeats: cargo.repeats,
            firstID: cargo.entries.first.map { "\($0.id)" } ?? "", now: .now())
        let remaining = memory.undelivered(sections, of: composition)
        guard composition.form != .notice, remaining.count > 1 else {
            let section = remaining.first
            if let section, sections.count > 1, composition.form != .notice { batch.content = section.content }
            if sections.count < 2 { batch.thread = thread(of: cargo, composition, settings) }
            address(&batch, section, composition, settings)
            let rendered = target.render(batch)
            let messages = rendered.bodies.enumerated().map { index, body in
                // Only the first one is news: the others are copies in a thread.
                OutboundMessage(
                    body: body, batch: batch, section: index == 0 ? section : nil, of: composition,
                    isOnly: sections.count < 2)
            }
            return (messages, rendered.copies, rendered.faults)
        }
        var faults: Set<RenderFault> = []
        let messages = remaining.compactMap { section -> OutboundMessage? in
            batch.content = section.content
            address(&batch, section, composition, settings)
            let rendered = target.render(batch)
            faults.formUnion(rendered.faults)
            return rendered.bodies.first.map {
                OutboundMessage(body: $0, batch: batch, section: section, of: composition, isOnly: false)
            }
        }
        return (messages, 0, faults)
    }

    /// Sets the channel and the mentions, without those that the hook refused lately.
    private func address(
        _ batch: inout RenderBatch, _ section: ChannelSections.Section?, _ composition: Composition,
        _ settings: QueueSettings
    ) {
        (batch.channel, batch.mentions) = (nil, [])
        guard let section, composition.form != .notice else { return }
        let isRerouted = composition.marks.contains(.rerouted)
        if !isRerouted, let channel = section.channel, !memory.hasRefused(.channel(channel), at: composition.hook) {
            batch.channel = channel
        }
        guard section.news.isNew, !isRerouted || settings.mentionsWhenRerouted,
            !memory.hasRefused(.mentions(settings.mentions), at: composition.hook)
        else { return }
        batch.mentions = settings.mentions
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
