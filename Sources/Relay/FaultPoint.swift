import Alerts
import Glibc
import Journaling
import RocketChat
import SQLiteJournal
import Support

/// Points at which a test can make the program trap, to exercise recovery from unforeseen crashes.
///
/// Debug builds only: a release build holds neither the variable's name nor the trap, which `.ci/check-release` checks.
enum FaultPoint: String {
    case decode
    case render
    case classify
    /// While a webhook is parsed.
    case parse

    /// Traps if the environment's `TRAP_AT` is this point's name, a colon, and a text that `bytes` contain.
    @inline(__always)
    func reach(_ bytes: @autoclosure () -> [UInt8]) {
        #if DEBUG
            guard let order = getenv("TRAP_AT").map({ String(cString: $0) }), order.hasPrefix(rawValue + ":") else {
                return
            }
            let needle = Array(order.utf8.dropFirst(rawValue.utf8.count + 1))
            let bytes = bytes()
            guard bytes.count >= needle.count, !needle.isEmpty else { return }
            for start in 0...(bytes.count - needle.count) where bytes[start...].starts(with: needle) {
                fatalError("ordered by TRAP_AT")
            }
        #endif
    }
}
