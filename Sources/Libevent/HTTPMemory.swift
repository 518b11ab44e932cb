import CLibevent
import Dispatch
import Glibc
import Support

/// The one budget, in bytes, of what all requests and replies of a server hold in memory at once.
///
/// A quarter of it is kept for connections that have proven who they are, so that those who have not cannot shut them
/// out. What a connection has read is charged to it at once; a connection that finds the budget used up reads no more
/// until others have given back, so the budget is exceeded by one read a connection at most.
@LoopActor
final class HTTPMemory {
    let limit: Int
    private(set) var used = 0
    private struct Waiting {
        var isTrusted: Bool
        var action: @LoopActor () -> Void
    }

    private var waiting: [UInt64: Waiting] = [:]
    private var lastTicket: UInt64 = 0
    /// The most in use since memory was last given back to the system.
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
        // The allocator keeps what was freed in small pieces: after much was in use, the system gets it back.
        if peak > Self.trimThreshold && used < Self.trimThreshold / 8 {
            peak = used
            DispatchQueue.global(qos: .utility).async { @Sendable in malloc_trim(0) }
        }
    }

    private static let trimThreshold = 8 << 20

    /// Calls `action` once when some of the budget is free again.
    ///
    /// - Returns: a ticket to cancel the wait with.
    func wait(isTrusted: Bool, then action: @escaping @LoopActor () -> Void) -> UInt64 {
        lastTicket += 1
        waiting[lastTicket] = Waiting(isTrusted: isTrusted, action: action)
        return lastTicket
    }

    func cancel(_ ticket: UInt64) {
        waiting[ticket] = nil
    }

    private func resumeWaiting() {
        // A sixteenth must be free, or each release would wake all for a share that the first of them uses up.
        let ready = waiting.filter { used <= share(forTrusted: $0.value.isTrusted) / 16 * 15 }
        guard !ready.isEmpty else { return }
        for ticket in ready.keys { waiting[ticket] = nil }
        let actions = ready.sorted { $0.key < $1.key }.map(\.value.action)
        // In a turn of its own: this is called from within another connection's end.
        LoopActor.post { for action in actions { action() } }
    }
}
