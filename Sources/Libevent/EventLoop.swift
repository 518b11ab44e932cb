import CLibevent
import Glibc

/// One libevent base on its own thread, and the inbox through which other threads hand it work.
///
/// The base is made without locks: only its own thread touches it from start to end. Other threads append to the inbox
/// and write an eventfd; `event_active` across threads is not used, since 2.1.12 can lose that wake-up (libevent #1530).
// @unchecked because `base` is written before the thread starts and used by that thread only; the inbox is `Locked`.
final class EventLoop: SerialExecutor, @unchecked Sendable {
    private enum Work {
        case closure(@LoopActor @Sendable () -> Void)
        case job(UnownedJob)
    }

    private struct Inbox {
        var work: [Work] = []
        /// The eventfd was written and the loop has not yet taken the inbox.
        var isWoken = false
    }

    let base: OpaquePointer
    private let inbox = Locked(Inbox())
    private let wakeUpDescriptor: Int32
    private let thread = Locked<pthread_t?>(nil)

    init() {
        LibeventLog.install()
        let configuration = event_config_new()
        defer { event_config_free(configuration) }
        event_config_set_flag(configuration, Int32(EVENT_BASE_FLAG_NOLOCK.rawValue))
        guard let base = event_base_new_with_config(configuration) else {
            preconditionFailure("libevent cannot make an event base")
        }
        self.base = base
        wakeUpDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        precondition(wakeUpDescriptor >= 0, "eventfd failed: errno \(errno)")
        // A client that is gone, and a file at its size limit, are errors of a call, not ends of the process.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        startThread()
    }

    var isCurrentThread: Bool {
        thread.withLock { $0.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    // MARK: Doors in

    func enqueue(_ work: @escaping @LoopActor @Sendable () -> Void) {
        append(.closure(work))
    }

    func enqueue(_ job: consuming ExecutorJob) {
        append(.job(UnownedJob(job)))
    }

    func checkIsolated() {
        precondition(isCurrentThread, "code of the loop runs off the loop")
    }

    func isIsolatingCurrentContext() -> Bool? {
        isCurrentThread
    }

    private func append(_ work: Work) {
        let mustWake = inbox.withLock { inbox in
            inbox.work.append(work)
            defer { inbox.isWoken = true }
            return !inbox.isWoken
        }
        guard mustWake else { return }
        // An eventfd takes eight bytes or refuses with EAGAIN at 2^64-2, which one write a turn never reaches.
        eventfd_write(wakeUpDescriptor, 1)
    }

    // MARK: The thread

    private func startThread() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        let wakeUp = event_new(
            base, wakeUpDescriptor, Int16(EV_READ | EV_PERSIST),
            { _, _, context in
                guard let context else { return }
                Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue().drain()
            }, context)
        event_add(wakeUp, nil)
        var created = pthread_t()
        // Held over pthread_create, so that the new thread cannot ask who it is before the answer is stored.
        thread.withLock { thread in
            let code = pthread_create(
                &created, nil,
                { context in
                    guard let context else { return nil }
                    Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue().run()
                    return nil
                }, context)
            precondition(code == 0, "pthread_create failed: \(code)")
            thread = created
        }
    }

    private func run() {
        event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY)
        preconditionFailure("the event loop ended by itself")
    }

    /// Takes the whole inbox at once; what is posted meanwhile waits a turn, so that sockets are not starved.
    private func drain() {
        var count: eventfd_t = 0
        eventfd_read(wakeUpDescriptor, &count)
        let batch = inbox.withLock { inbox in
            inbox.isWoken = false
            defer { inbox.work = [] }
            return inbox.work
        }
        for work in batch {
            switch work {
            case .closure(let closure): LoopActor.assumeIsolated(closure)
            case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            }
        }
    }
}
