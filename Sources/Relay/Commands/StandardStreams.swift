import Glibc
import Logging

/// The output of commands: results on standard output, problems on standard error. It can contain text from servers and
/// senders, so all of it passes `TerminalText`.
enum StandardStreams {
    /// Exits with 1 if the output cannot be written, as on a full disk: saved output must not look complete.
    static func print(_ text: String) {
        guard !write(TerminalText.escaped(text, keepsLines: true), to: STDOUT_FILENO) else { return }
        complain("standard output: \(String(cString: strerror(errno)))")
        exit(1)
    }

    /// Writes one line, prefixed with the program name.
    static func complain(_ problem: String) {
        let prefix = JournalStream.isStandardError ? JournalStream.prefix(for: .error) : ""
        _ = write(prefix + "relay: " + TerminalText.escaped(problem, keepsLines: false) + "\n", to: STDERR_FILENO)
    }

    /// Reads a file, or standard input if the name is a hyphen.
    static func read(_ path: String, limit: Int) throws(ControlError) -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ControlError(description: String(cString: strerror(errno))) }
        defer { if path != "-" { close(descriptor) } }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw ControlError(description: String(cString: strerror(errno))) }
            guard count > 0 else { return bytes }
            guard count <= limit - bytes.count else {
                throw ControlError(description: "the input is larger than \(limit) bytes")
            }
            bytes += piece[..<count]
        }
    }

    /// Returns true if everything is written or the reader has exited.
    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // A reader that exits, as in `| head`, is not an error.
            guard count > 0 || errno == EINTR else { return errno == EPIPE }
            bytes = bytes.dropFirst(max(0, count))
        }
        return true
    }
}
