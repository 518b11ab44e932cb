import Glibc

/// A value that is only touched with a mutex held.
///
/// `Synchronization.Mutex` makes ThreadSanitizer report races that are none (its futex is invisible to the
/// sanitizer), so that `--sanitize=thread` would prove nothing; a pthread mutex is understood.
// @unchecked because `value` is only reached inside `withLock`, with the mutex held.
public final class Locked<Value>: @unchecked Sendable {
    private var value: Value
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    public init(_ value: consuming sending Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` with the mutex held. Do not block in it, and do not lock another `Locked`.
    @inlinable
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock()
        defer { unlock() }
        return try body(&unguarded)
    }

    @usableFromInline package func lock() { pthread_mutex_lock(mutex) }
    @usableFromInline func unlock() { pthread_mutex_unlock(mutex) }

    @usableFromInline var unguarded: Value {
        _read { yield value }
        _modify { yield &value }
    }
}
