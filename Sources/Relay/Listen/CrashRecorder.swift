import Glibc
import Synchronization

/// Writes the webhook body that a thread is parsing to a file if that thread crashes.
///
/// During parsing this costs a few atomic stores and no file access, because the loop must not wait for a disk. A
/// signal handler writes the file. It handles traps, invalid memory accesses and aborts, but not SIGKILL.
enum CrashRecorder {
    /// A thread that parses a body, and the address of the body.
    private struct Slot: ~Copyable {
        /// 0 while the slot is free.
        let thread = Atomic<UInt>(0)
        let start = Atomic<UInt>(0)
        let count = Atomic<Int>(0)
    }

    /// The maximum number of threads that parse at the same time. A body without a slot is not recorded.
    private static let slotCount = 8

    // unsafe because it is written once, at its first use; afterwards only its atomics change.
    nonisolated(unsafe) private static let slots: UnsafeMutablePointer<Slot> = {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: slotCount)
        for index in 0..<slotCount { (slots + index).initialize(to: Slot()) }
        return slots
    }()

    private static let descriptor = Atomic<Int32>(-1)
    /// The previous signal actions, in the order of `signal(at:)`.
    // unsafe because it is written once by `install`, before a handler can read it.
    nonisolated(unsafe) private static let previous = UnsafeMutablePointer<sigaction>.allocate(capacity: signals)

    /// Must be called once, on the loop thread. Gives that thread an alternate signal stack, because a stack overflow
    /// is one of the handled crashes.
    static func install(writingTo file: Int32) {
        // Globals are initialized at their first use, which must not be in the handler.
        slots[0].count.store(0, ordering: .relaxed)
        descriptor.store(file, ordering: .sequentiallyConsistent)
        var stack = stack_t()
        stack.ss_size = 64 * 1024
        stack.ss_sp = .allocate(byteCount: stack.ss_size, alignment: 16)
        sigaltstack(&stack, nil)
        for index in 0..<signals {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { CrashRecorder.handle($0) }
            action.sa_flags = SA_ONSTACK
            sigaction(signal(at: index), &action, previous + index)
        }
    }

    /// Runs `work` and records `body` if this thread crashes meanwhile. May be called from any thread.
    static func during<Result, Failure: Error>(
        _ body: [UInt8], _ work: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let slot = acquireSlot() else { return try work() }
        return try body.withUnsafeBufferPointer { (bytes) throws(Failure) in
            slot.pointee.start.store(UInt(bitPattern: bytes.baseAddress), ordering: .relaxed)
            slot.pointee.count.store(bytes.count, ordering: .sequentiallyConsistent)
            defer {
                slot.pointee.count.store(0, ordering: .sequentiallyConsistent)
                slot.pointee.thread.store(0, ordering: .releasing)
            }
            return try work()
        }
    }

    private static func acquireSlot() -> UnsafeMutablePointer<Slot>? {
        for index in 0..<slotCount {
            let slot = slots + index
            let (isTaken, _) = slot.pointee.thread.compareExchange(
                expected: 0, desired: pthread_self(), ordering: .acquiring)
            if isTaken { return slot }
        }
        return nil
    }

    /// Runs in a signal handler: must not allocate, lock, or call functions that do.
    private static func handle(_ number: Int32) {
        for index in 0..<slotCount where (slots + index).pointee.thread.load(ordering: .relaxed) == pthread_self() {
            record(slots + index)
        }
        for index in 0..<signals { sigaction(signal(at: index), previous + index, nil) }
        raise(number)
    }

    private static func record(_ slot: UnsafeMutablePointer<Slot>) {
        var start = UnsafeRawPointer(bitPattern: slot.pointee.start.load(ordering: .relaxed))
        var count = slot.pointee.count.load(ordering: .relaxed)
        let file = descriptor.load(ordering: .relaxed)
        while let bytes = start, count > 0 {
            let written = write(file, bytes, count)
            guard written > 0 else { return }
            start = bytes + written
            count -= written
        }
    }

    private static let signals = 6

    private static func signal(at index: Int) -> Int32 {
        switch index {
        case 0: SIGILL
        case 1: SIGTRAP
        case 2: SIGSEGV
        case 3: SIGBUS
        case 4: SIGFPE
        default: SIGABRT
        }
    }
}
