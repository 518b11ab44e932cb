import DeliveryCore

/// Posts to one hook for one queue, and says what became of it.
///
/// Not Sendable: it lives on its queue, one post at a time.
final class Postman {
    private let settings: DelivererSettings
    private let hook: HookURL
    private let deliverer: any Deliverer

    init(_ route: QueueSettings.Route, abort: DeliveryAbort) {
        hook = route.hook
        settings = route.posting
        deliverer = CurlDeliverer(hook: route.hook, settings: route.posting, abort: abort)
    }

    /// The earlier one with its connection, unless the settings have changed.
    static func keeping(_ earlier: Postman?, for route: QueueSettings.Route, abort: DeliveryAbort) -> Postman {
        if let earlier, earlier.settings == route.posting { return earlier }
        return Postman(route, abort: abort)
    }

    /// Blocks until the post has ended.
    func deliver(_ body: [UInt8]) -> DeliveryAnswer { deliverer.deliver(body) }

    func report(_ result: DeliveryAnswer) -> PostReport {
        let now = Timestamp.now()
        let outcome = AnswerClassifier(hook: hook).outcome(of: result, now: now)
        var report = PostReport(outcome: outcome, result: outcome.result(reachedServer: Self.reachedServer(result)))
        if case .rateLimited = outcome { return report }
        if case .success(let answer) = result { report.pause = RateLimitHint(answer, error: nil, now: now).pause }
        return report
    }

    private static func reachedServer(_ result: DeliveryAnswer) -> Bool {
        switch result {
        case .success: true
        case .failure(let failure): failure.sentRequest
        }
    }
}

extension OutboundJournal {
    /// Makes durable what rooms have shown, and that this post leaves: a process that is killed after it tells nothing
    /// twice but this post. On a full disk it leaves all the same, since silence would be worse.
    ///
    /// - Returns: false where the journal takes no more, so that nothing may leave.
    func permits(_ record: HookRow?) -> Bool {
        switch commitNow(record.map { [$0] } ?? []) {
        case .success, .failure(.full): true
        case .failure: false
        }
    }
}
