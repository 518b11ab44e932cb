import Glibc

/// Reports a programming error and ends the process with SIGABRT. Never returns.
///
/// Writes "relay: bug: FILE:LINE: text" to standard error with one write(2). It replaces `preconditionFailure` and
/// `fatalError`, because release builds drop their texts. `CrashRecorder` handles SIGABRT, so the crash is attributed.
///
/// - Parameter text: The violated contract. It must not contain secrets.
@inline(never) @usableFromInline
package func bug(_ text: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
    var report = "relay: bug: \(file):\(line): \(text)\n"
    _ = report.withUTF8 { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    abort()
}

/// Checks a contract in all build configurations. Calls `bug(_:file:line:)` if `condition` is false.
///
/// - Parameter text: The violated contract. Evaluated only if `condition` is false.
@inlinable
package func expect(
    _ condition: @autoclosure () -> Bool, _ text: @autoclosure () -> String, file: StaticString = #fileID,
    line: UInt = #line
) {
    if !condition() { bug(text(), file: file, line: line) }
}
