/// When the next attempt may start, and when there is none.
///
/// Backoff is exponential with full jitter: the wait before retry n is anywhere from zero to
/// base × 2ⁿ⁻¹, at most the cap. With the defaults:
///
///     retry    1     2    3    4    5    6     7     8 and on
///     at most  0.5   1    2    4    8    16    32    60 s
struct RetryPolicy: Sendable, Equatable {
    var base: Duration = .milliseconds(500)
    var cap: Duration = .seconds(60)
    /// Between attempts at a hook that a person must repair.
    var slowInterval: Duration = .seconds(60)
    /// How many answers that nobody understands a message gets before it is a dead letter.
    var unknownAttempts = 5
    /// How many suspicious answers in a row are taken for a broken hook.
    var suspiciousAttempts = 5

    /// The longest wait before the given retry, which counts from 1.
    func ceiling(ofRetry retry: Int) -> Duration {
        precondition(retry > 0, "retries count from 1")
        // Shifting further would overflow, and any cap is reached by then.
        return min(cap, base * (1 << min(retry - 1, 30)))
    }

    /// The wait before the given retry, which counts from 1.
    func backoff(beforeRetry retry: Int, using random: inout some RandomNumberGenerator) -> Duration {
        let nanoseconds = Int64(ceiling(ofRetry: retry) / .nanoseconds(1))
        return .nanoseconds(Int64.random(in: 0...nanoseconds, using: &random))
    }
}
