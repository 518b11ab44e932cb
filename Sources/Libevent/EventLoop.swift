import CLibevent
import Glibc
import Support
import Synchronization

/// A libevent base on its own thread, with a queue of work from other threads.
///
/// The base has no locks: only its own thread uses it. Other threads append to the inbox and write an eventfd.
/// `event_active` is not called across threads, because libevent 2.1.12 can lose that wake-up (libevent #1530).
// @unchecked because `base` is written before the thread starts and used by that thread only; the inbox is `Locked`.
final class EventLoop: SerialExecutor, @unchecked Sendable {
    private enum Work {
        case closure(@LoopActor @Sendable () -> Void)
        case job(UnownedJob)
    }

    private struct Inbox {
        var work: [Work] = []
        /// The eventfd was written and the loop has not drained the inbox since.
        var isWoken = false
    }

    let base: OpaquePointer
    private let inbox = Locked(Inbox())
    private let wakeUpDescriptor: Int32
    /// The loop's thread; 0, which is no valid thread, before it runs.
    private let thread = Atomic<pthread_t>(0)

    init() {
        LibeventLog.install()
        let configuration = event_config_new()
        defer { event_config_free(configuration) }
        // evhttp enables and disables reading and writing several times per request. The change list passes only the
        // net change of each loop iteration to the kernel (see also `SocketRegistration`). It requires that no two
        // events watch dup'ed descriptors of one file, which holds here.
        let flags = EVENT_BASE_FLAG_NOLOCK.rawValue | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST.rawValue
        event_config_set_flag(configuration, Int32(flags))
        guard let base = event_base_new_with_config(configuration) else {
            bug("event_base_new_with_config failed")
        }
        self.base = base
        wakeUpDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        expect(wakeUpDescriptor >= 0, "eventfd failed: errno \(errno)")
        // A disconnected client or a file at its size limit must fail the system call, not end the process.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        startThread()
    }

    var isCurrentThread: Bool {
        thread.load(ordering: .relaxed) == pthread_self()
    }

    // MARK: Enqueueing

    func enqueue(_ work: @escaping @LoopActor @Sendable () -> Void) {
        append(.closure(work))
    }

    func enqueue(_ job: consuming ExecutorJob) {
        append(.job(UnownedJob(job)))
    }

    func checkIsolated() {
        expect(isCurrentThread, "must be called on the loop")
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
        // The write fails with EAGAIN only at a count of 2^64-2, which one write per loop iteration never reaches.
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
        expect(code == 0, "pthread_create failed: \(code)")
    }

    private func run() {
        // The thread stores its own ID before it runs loop code. Other threads compare unequal before and after.
        thread.store(pthread_self(), ordering: .relaxed)
        event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY)
        bug("event_base_loop returned")
    }

    /// Runs all work that is in the inbox now. Work posted meanwhile waits for the next iteration, so that sockets are
    /// not starved.
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
