import DeliveryCore

/// One post, as its queue tells of it.
struct PostReport: Sendable {
    /// Nil where nothing was sent, since the journal takes no more.
    var outcome: DeliveryOutcome?
    var result: PostResult
    /// How long the server wants nothing more, whatever became of this one.
    var pause: Duration?

    static let notSent = PostReport(result: .notSent)
}

extension DeliveryOutcome {
    /// What the machine goes by.
    ///
    /// - Parameter reachedServer: the server may have counted the post.
    func result(reachedServer: Bool) -> PostResult {
        switch self {
        // Threads begin where the server told one id: with several rooms nobody knows which is meant.
        case .delivered(let receipt): .delivered(messageID: receipt.posted.first?.messageID)
        case .rateLimited(let wait): .throttled(Interval(wait))
        case .retry(_, let maybe, _): .failed(maybeDelivered: maybe, reachedServer: reachedServer)
        case .suspicious: .suspicious
        case .misconfigured: .hookBroken
        case .fixable(.resplit, _): .refused(.smaller)
        // The text breaks every mention already; what may notify or offend is in the rest.
        case .fixable(.neutraliseMentions, _), .fixable(.plainText, _): .refused(.plainText)
        // It may have said success, and would say it again at each retry.
        case .unknown(_, maybeDelivered: true, _): .failed(maybeDelivered: true, reachedServer: reachedServer)
        case .unknown(_, maybeDelivered: false, _): .refused(nil)
        }
    }
}
