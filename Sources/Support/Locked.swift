import Glibc

/// A value protected by a mutex.
///
/// Uses a pthread mutex because ThreadSanitizer does not see the futex of `Synchronization.Mutex` and reports false
/// races.
// @unchecked because `value` is accessed only in `withLock`, with the mutex held.
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

    /// Runs `body` with the mutex held. `body` must not block or lock another `Locked`.
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
