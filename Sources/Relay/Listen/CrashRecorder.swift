import Alerts
import Glibc
import Journaling
import RocketChat
import SQLiteJournal
import Support
import Synchronization

/// Writes the webhook body that a thread is parsing to a file if that thread traps.
///
/// Parsing costs a few atomic stores and no file access, since the loop must not wait for a disk; a signal handler
/// writes the file. It handles traps, invalid accesses and aborts, but not SIGKILL.
enum CrashRecorder {
    /// A thread that reads, and where its body is.
    private struct Reading: ~Copyable {
        /// 0 while the place is free.
        let thread = Atomic<UInt>(0)
        let start = Atomic<UInt>(0)
        let count = Atomic<Int>(0)
    }

    /// Threads that may read at one time; a body that finds no place is not remembered.
    private static let places = 8

    // unsafe because it is written once, when it is first used, and only atomics of it change.
    nonisolated(unsafe) private static let readings: UnsafeMutablePointer<Reading> = {
        let readings = UnsafeMutablePointer<Reading>.allocate(capacity: places)
        for index in 0..<places { (readings + index).initialize(to: Reading()) }
        return readings
    }()

    private static let descriptor = Atomic<Int32>(-1)
    /// What handled the signals before, in the order of `signal(at:)`.
    // unsafe because it is written once by `install`, before a handler can read it.
    nonisolated(unsafe) private static let previous = UnsafeMutablePointer<sigaction>.allocate(capacity: signals)

    /// To be called once, on the loop's thread, which gets a stack for the handler: an overflow of its own stack is one
    /// of the ways to trap.
    static func install(writingTo file: Int32) {
        // Globals are made when they are first used, which must not be in the handler.
        readings[0].count.store(0, ordering: .relaxed)
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

    /// Runs `work` while this thread is known to read `body`. Callable from any thread.
    static func during<Result, Failure: Error>(
        _ body: [UInt8], _ work: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let place = takePlace() else { return try work() }
        return try body.withUnsafeBufferPointer { (bytes) throws(Failure) in
            place.pointee.start.store(UInt(bitPattern: bytes.baseAddress), ordering: .relaxed)
            place.pointee.count.store(bytes.count, ordering: .sequentiallyConsistent)
            defer {
                place.pointee.count.store(0, ordering: .sequentiallyConsistent)
                place.pointee.thread.store(0, ordering: .releasing)
            }
            return try work()
        }
    }

    private static func takePlace() -> UnsafeMutablePointer<Reading>? {
        for index in 0..<places {
            let place = readings + index
            let (isTaken, _) = place.pointee.thread.compareExchange(
                expected: 0, desired: pthread_self(), ordering: .acquiring)
            if isTaken { return place }
        }
        return nil
    }

    /// In a signal handler: nothing here allocates, locks, or calls what does.
    private static func handle(_ number: Int32) {
        for index in 0..<places where (readings + index).pointee.thread.load(ordering: .relaxed) == pthread_self() {
            record(readings + index)
        }
        for index in 0..<signals { sigaction(signal(at: index), previous + index, nil) }
        raise(number)
    }

    private static func record(_ reading: UnsafeMutablePointer<Reading>) {
        var start = UnsafeRawPointer(bitPattern: reading.pointee.start.load(ordering: .relaxed))
        var count = reading.pointee.count.load(ordering: .relaxed)
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
