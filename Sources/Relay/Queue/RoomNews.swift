import Alerts
import DeliveryCore
import Posting

/// A message of the last composition.
struct OutboundMessage: Sendable {
    private(set) var body: [UInt8]
    /// To render it again without what a server refuses; nil if it has neither mentions nor a channel.
    private(set) var batch: RenderBatch?
    fileprivate let news: ShownAlerts.News?
    /// Which of several messages of a composition it is; nil for the only one and for copies.
    fileprivate let place: RoomNews.Place?

    /// - Parameters:
    ///   - section: nil for a copy.
    ///   - isOnly: the composition has no message for another channel.
    init(
        body: [UInt8], batch: RenderBatch, section: ChannelSections.Section?, of composition: Composition, isOnly: Bool
    ) {
        self.body = body
        self.batch = section == nil || batch.mentions.isEmpty && batch.channel == nil ? nil : batch
        news = composition.form == .notice ? nil : section?.news
        place = isOnly ? nil : section.flatMap { RoomNews.Place(composition, channel: $0.channel) }
    }

    /// Renders the message again without what the server refused.
    mutating func omit(_ refused: PostReport.Refused, _ target: any Target) {
        guard var batch else { return }
        switch refused {
        case .mentions: batch.mentions = []
        case .channel: batch.channel = nil
        }
        body = target.render(batch).bodies.first ?? body
        self.batch = batch
    }
}

/// What a queue knows of its rooms: the alerts that they were shown, and what they refused lately.
struct RoomNews: Sendable {
    /// The message for one channel among those of a composition.
    struct Place: Sendable, Equatable {
        fileprivate var hook: HookID
        fileprivate var first: EntryID
        fileprivate var last: EntryID
        fileprivate var channel: String?

        init?(_ composition: Composition, channel: String?) {
            guard let first = composition.ids.first, let last = composition.ids.last else { return nil }
            (hook, self.first, self.last, self.channel) = (composition.hook, first, last, channel)
        }
    }

    private struct RefusalKey: Hashable {
        var hook: HookID
        var what: [String]
    }

    /// How long a refusal is remembered. Then the server is asked again, because nobody tells the relay when a permission
    /// is granted.
    static let refusalTime = Duration.seconds(600)

    private(set) var shown = ShownAlerts()
    private var refusals = GenerationalCache<RefusalKey, ContinuousClock.Instant>(capacity: 512)
    /// The messages of the first entries that were delivered.
    private var delivered: [Place] = []

    func hasRefused(_ what: PostReport.Refused, at hook: HookID) -> Bool {
        refusals[Self.key(what, hook)].map { ContinuousClock.now - $0 < Self.refusalTime } ?? false
    }

    private static func key(_ what: PostReport.Refused, _ hook: HookID) -> RefusalKey {
        switch what {
        case .mentions(let names): RefusalKey(hook: hook, what: names)
        // No mention has this form.
        case .channel(let channel): RefusalKey(hook: hook, what: ["", channel])
        }
    }

    /// The sections that are not delivered yet; all of them if none is left. A search for a refused entry composes entries
    /// again, and what other channels were shown is not repeated.
    func undelivered(
        _ sections: [ChannelSections.Section], of composition: Composition
    ) -> [ChannelSections.Section] {
        guard sections.count > 1 else { return sections }
        let left = sections.filter { section in
            guard let place = Place(composition, channel: section.channel) else { return true }
            return !delivered.contains {
                $0.hook == place.hook && $0.first == place.first && $0.channel == place.channel && $0.last >= place.last
            }
        }
        return left.isEmpty ? sections : left
    }

    /// Records the end of a post. If the server refused the message for its mentions or its channel, the report names
    /// them, and the message is composed again without them.
    mutating func note(_ report: inout PostReport, of message: OutboundMessage, at hook: HookID) {
        if case .delivered = report.outcome {
            if let news = message.news { shown.record(news) }
            if let place = message.place {
                delivered.removeAll { $0.hook != place.hook || $0.first != place.first }
                delivered.append(place)
            }
            return
        }
        guard let refused = Self.refused(report, message) else { return }
        refusals.remember(Self.key(refused, hook), .now)
        report.refused = refused
        // It keeps the entries and their order, and is neither a failure of the hook nor a refusal of the entries.
        report.result = .throttled(.seconds(1))
    }

    private static func refused(_ report: PostReport, _ message: OutboundMessage) -> PostReport.Refused? {
        guard let batch = message.batch else { return nil }
        switch report.outcome {
        case .fixable(.neutraliseMentions, _) where !batch.mentions.isEmpty: return .mentions(batch.mentions)
        case .misconfigured where report.mayConcernChannel: return batch.channel.map { .channel($0) }
        default: return nil
        }
    }
}
