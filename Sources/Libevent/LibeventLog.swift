import CLibevent
import Glibc
import Support

/// Routes libevent's log messages to a handler, and aborts on its fatal errors.
public enum LibeventLog {
    public enum Level: Sendable {
        case debug, message, warning, error
    }

    private struct State {
        var handler: (@Sendable (Level, String) -> Void)?
        var windowStart = 0
        var inWindow = 0
    }

    private static let state = Locked(State())
    /// libevent warns in a tight loop, for example without file descriptors (measured: 370,000 lines/s).
    private static let linesPerSecond = 5

    /// Sets the handler of libevent's messages. It is called on the loop's thread, at most five times a second.
    public static func setHandler(_ handler: @escaping @Sendable (Level, String) -> Void) {
        state.withLock { $0.handler = handler }
    }

    /// The version of the loaded library, for example `2.1.12-stable`.
    public static var libraryVersion: String { String(cString: event_get_version()) }

    static func install() {
        event_set_log_callback { severity, text in
            LibeventLog.write(severity, text.map { String(cString: $0) } ?? "")
        }
        // libevent's default is exit(1), which looks like an ordinary failure. The supervisor reports an abort.
        event_set_fatal_callback { code in
            LibeventLog.write(EVENT_LOG_ERR, "fatal libevent error \(code)")
            abort()
        }
    }

    private static func write(_ severity: Int32, _ text: String) {
        let level: Level =
            switch severity {
            case EVENT_LOG_DEBUG: .debug
            case EVENT_LOG_MSG: .message
            case EVENT_LOG_WARN: .warning
            default: .error
            }
        let handler = state.withLock { state -> (@Sendable (Level, String) -> Void)? in
            let now = time(nil)
            if now != state.windowStart { (state.windowStart, state.inWindow) = (now, 0) }
            state.inWindow += 1
            return state.inWindow <= linesPerSecond ? state.handler : nil
        }
        handler?(level, text)
    }
}
