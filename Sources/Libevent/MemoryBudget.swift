import CLibevent
import Dispatch
import Glibc

/// The memory budget, in bytes, of all requests and replies of a server.
///
/// A quarter is reserved for trusted connections, so that others cannot exclude them. Bytes are charged when they are
/// read. A connection stops reading while the budget is exhausted, so it is exceeded by at most one read per
/// connection.
@LoopActor
final class MemoryBudget {
    let limit: Int
    private(set) var used = 0
    private struct Waiting {
        var isTrusted: Bool
        var action: @LoopActor () -> Void
    }

    private var waiting: [UInt64: Waiting] = [:]
    private var lastTicket: UInt64 = 0
    /// The highest use since memory was last returned to the system.
    private var peak = 0

    /// - Parameter limit: in bytes.
    init(limit: Int) {
        self.limit = limit
    }

    func isExhausted(forTrusted isTrusted: Bool) -> Bool {
        used >= share(forTrusted: isTrusted)
    }

    private func share(forTrusted isTrusted: Bool) -> Int {
        isTrusted ? limit : limit - limit / 4
    }

    func charge(_ bytes: Int) {
        used += bytes
        peak = max(peak, used)
    }

    func release(_ bytes: Int) {
        guard bytes > 0 else { return }
        used -= bytes
        if !waiting.isEmpty { resumeWaiting() }
        // The allocator keeps small freed blocks: return them to the system after high use.
        if peak > Self.trimThreshold && used < Self.trimThreshold / 8 {
            peak = used
            DispatchQueue.global(qos: .utility).async { @Sendable in malloc_trim(0) }
        }
    }

    private static let trimThreshold = 8 << 20

    /// Calls `action` once when part of the budget is free again.
    ///
    /// - Returns: a ticket for `cancel`.
    func wait(isTrusted: Bool, then action: @escaping @LoopActor () -> Void) -> UInt64 {
        lastTicket += 1
        waiting[lastTicket] = Waiting(isTrusted: isTrusted, action: action)
        return lastTicket
    }

    func cancel(_ ticket: UInt64) {
        waiting[ticket] = nil
    }

    private func resumeWaiting() {
        // Require a free sixteenth: otherwise each release would wake all waiters for what the first of them uses up.
        let ready = waiting.filter { used <= share(forTrusted: $0.value.isTrusted) / 16 * 15 }
        guard !ready.isEmpty else { return }
        for ticket in ready.keys { waiting[ticket] = nil }
        let actions = ready.sorted { $0.key < $1.key }.map(\.value.action)
        // Posted, because this is called while another connection ends.
        LoopActor.post { for action in actions { action() } }
    }
}
