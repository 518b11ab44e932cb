import Glibc
import Support

/// Points at which tests can crash the program, to exercise recovery.
///
/// Debug builds only. `.ci/check-release` checks that a release build contains neither the variable name nor the crash.
enum FaultPoint: String {
    case decode
    case render
    case classify
    /// While a webhook is parsed.
    case parse

    /// Crashes if `TRAP_AT` is the name of this point, a colon, and a text that `bytes` contain.
    @inline(__always)
    func reach(_ bytes: @autoclosure () -> [UInt8]) {
        #if DEBUG
            guard let trapAt = getenv("TRAP_AT").map({ String(cString: $0) }), trapAt.hasPrefix(rawValue + ":") else {
                return
            }
            let needle = Array(trapAt.utf8.dropFirst(rawValue.utf8.count + 1))
            let bytes = bytes()
            guard bytes.count >= needle.count, !needle.isEmpty else { return }
            for start in 0...(bytes.count - needle.count) where bytes[start...].starts(with: needle) {
                bug("requested by TRAP_AT")
            }
        #endif
    }
}
