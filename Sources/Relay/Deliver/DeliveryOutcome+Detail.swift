extension DeliveryOutcome {
    /// What to log of a failed attempt; nil when it was delivered.
    var detail: String? {
        switch self {
        case .delivered: nil
        case .rateLimited(let wait): "Rocket.Chat asks to wait \(wait)"
        case .retry(_, _, let detail), .suspicious(_, let detail), .fixable(_, let detail),
            .misconfigured(_, let detail), .unknown(_, _, let detail):
            detail
        }
    }
}
