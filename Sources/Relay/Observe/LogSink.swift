import Dispatch
import Glibc
import Libevent

/// Writes log lines to a descriptor without ever making the writer of a line wait.
///
/// A pipe that nobody reads blocks only this sink's own queue: lines beyond one megabyte of backlog are dropped and
/// counted. Alerts matter more than the log about them.
final class LogSink: Sendable {
    private struct Backlog {
        var bytes: [UInt8] = []
        var isWriting = false
    }

    private let descriptor: Int32
    private let limit: Int
    private let queue = DispatchQueue(label: "log")
    private let backlog = Locked(Backlog())
    private let onDrop: @Sendable () -> Void

    init(descriptor: Int32 = STDERR_FILENO, limit: Int = 1 << 20, onDrop: @escaping @Sendable () -> Void = {}) {
        self.descriptor = descriptor
        self.limit = limit
        self.onDrop = onDrop
        // A reader of the log that goes away must not take the program with it.
        signal(SIGPIPE, SIG_IGN)
    }

    func write(_ line: String) {
        let (isDropped, mustStart) = backlog.withLock { backlog -> (Bool, Bool) in
            guard backlog.bytes.count + line.utf8.count < limit else { return (true, false) }
            backlog.bytes += line.utf8
            defer { backlog.isWriting = true }
            return (false, !backlog.isWriting)
        }
        if isDropped { onDrop() }
        if mustStart { queue.async { self.drain() } }
    }

    /// Waits until all is written, but not longer than `timeout`: called once, before the process ends.
    func flush(timeout: DispatchTimeInterval) {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + timeout)
    }

    private func drain() {
        while true {
            let bytes = backlog.withLock { backlog in
                defer { backlog.bytes = [] }
                backlog.isWriting = !backlog.bytes.isEmpty
                return backlog.bytes
            }
            if bytes.isEmpty { return }
            writeAll(bytes)
        }
    }

    private func writeAll(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }
}
