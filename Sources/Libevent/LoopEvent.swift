import CLibevent
import Glibc
import Support

/// A timer or a signal handler on the loop. It is cancelled when the object is released.
@LoopActor
public final class LoopEvent {
    /// The callback's context: `event_new` needs it before `self` is initialized.
    private final class Callback {
        let action: @LoopActor () -> Void
        init(_ action: @escaping @LoopActor () -> Void) { self.action = action }
    }

    private let event: OpaquePointer
    private let callback: Callback

    /// Calls `action` each time the process receives `signal`.
    public static func signal(_ signal: Int32, _ action: @escaping @LoopActor () -> Void) -> LoopEvent {
        // The parent process may have blocked the signal, and Dispatch's worker threads block it.
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, signal)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        let event = LoopEvent(descriptor: signal, kind: Int16(EV_SIGNAL | EV_PERSIST), action)
        event_add(event.event, nil)
        return event
    }

    /// Calls `action` once after `delay`, or every `delay` if `repeats` is true.
    public static func timer(
        after delay: Duration, repeats: Bool = false, _ action: @escaping @LoopActor () -> Void
    ) -> LoopEvent {
        let event = LoopEvent(descriptor: -1, kind: repeats ? Int16(EV_PERSIST) : 0, action)
        event.schedule(after: delay)
        return event
    }

    /// Calls `action` after each `activate`, later in the same loop iteration.
    static func manual(_ action: @escaping @LoopActor () -> Void) -> LoopEvent {
        LoopEvent(descriptor: -1, kind: 0, action)
    }

    /// Schedules the action after the current callback and before the loop polls descriptors again.
    func activate() {
        event_active(event, Int32(EV_TIMEOUT), 0)
    }

    private init(descriptor: Int32, kind: Int16, _ action: @escaping @LoopActor () -> Void) {
        let callback = Callback(action)
        self.callback = callback
        // Unretained: `deinit` frees the event before the callback object.
        let context = Unmanaged.passUnretained(callback).toOpaque()
        let function: event_callback_fn = { _, _, context in
            guard let context else { return }
            let callback = Unmanaged<Callback>.fromOpaque(context).takeUnretainedValue()
            LoopActor.assumeIsolated(callback.action)
        }
        guard let event = event_new(LoopActor.loop.base, descriptor, kind, function, context) else {
            bug("event_new failed")
        }
        self.event = event
    }

    isolated deinit {
        event_free(event)
    }

    /// Restarts a timer to fire `delay` from now.
    public func schedule(after delay: Duration) {
        var interval = timeval(delay)
        event_add(event, &interval)
    }

    public func cancel() {
        event_del(event)
    }
}

extension timeval {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}
