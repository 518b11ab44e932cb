/// The libevent thread as an actor: whatever is `@LoopActor` is made, used and freed on that one thread.
///
/// There are two doors in: `LoopActor.post` for plain code on Dispatch queues, and `await` for async code.
@globalActor
public actor LoopActor {
    public static let shared = LoopActor()

    /// The process has one loop; its thread starts with the first use.
    nonisolated static let loop = EventLoop()

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        Self.loop.asUnownedSerialExecutor()
    }

    /// Runs `work` on the loop, after all that was posted before it and never within this call.
    public nonisolated static func post(_ work: @escaping @LoopActor @Sendable () -> Void) {
        loop.enqueue(work)
    }

    /// Runs loop code from a place that the compiler cannot see is on the loop.
    ///
    /// - precondition: the caller runs on the loop's thread.
    nonisolated static func assumeIsolated(_ work: @LoopActor () -> Void) {
        precondition(loop.isCurrentThread, "loop code called off the loop")
        // Dropping the isolation from the type changes nothing in memory, and the precondition above has just proved
        // what the isolation asks for; MainActor.assumeIsolated is made the same way.
        withoutActuallyEscaping(work) { unsafeBitCast($0, to: (() -> Void).self)() }
    }
}
