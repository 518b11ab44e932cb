import Support

/// The libevent thread as an actor: `@LoopActor` objects are made, used and freed on that thread only.
///
/// Code on Dispatch queues enters with `LoopActor.post`, async code with `await`.
@globalActor
public actor LoopActor {
    public static let shared = LoopActor()

    /// The process's only loop; its thread starts at the first use.
    nonisolated static let loop = EventLoop()

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        Self.loop.asUnownedSerialExecutor()
    }

    /// Runs `work` on the loop, in the order of posting and never within this call.
    public nonisolated static func post(_ work: @escaping @LoopActor @Sendable () -> Void) {
        loop.enqueue(work)
    }

    /// Runs loop code from a C callback, whose isolation the compiler does not know.
    ///
    /// - precondition: the caller runs on the loop's thread.
    nonisolated static func assumeIsolated(_ work: @escaping @LoopActor () -> Void) {
        expect(loop.isCurrentThread, "must be called on the loop")
        // The isolation does not change the closure's representation, and the check above has verified it.
        // MainActor.assumeIsolated is implemented the same way. The closure is escaping because withoutActuallyEscaping
        // compiles the length of the source file's path into the program, which would not be reproducible.
        unsafeBitCast(work, to: (() -> Void).self)()
    }
}
