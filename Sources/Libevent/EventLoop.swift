import CLibevent
import Glibc
import Support
import Synchronization

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
    /// The loop's thread; 0, which no thread is, before it runs.
    private let thread = Atomic<pthread_t>(0)

    init() {
        LibeventLog.install()
        let configuration = event_config_new()
        defer { event_config_free(configuration) }
        // evhttp turns reading and writing on and off four times a request. The change list hands the kernel only what
        // is left of that at the end of a turn; its one condition, that no descriptor is watched by two events through
        // a dup, holds here.
        let flags = EVENT_BASE_FLAG_NOLOCK.rawValue | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST.rawValue
        event_config_set_flag(configuration, Int32(flags))
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
        thread.load(ordering: .relaxed) == pthread_self()
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
        let code = pthread_create(
            &created, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue().run()
                return nil
            }, context)
        precondition(code == 0, "pthread_create failed: \(code)")
    }

    private func run() {
        // Stored by the thread itself, before anything of the loop runs; any other thread compares unequal until then,
        // as it does after.
        thread.store(pthread_self(), ordering: .relaxed)
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
