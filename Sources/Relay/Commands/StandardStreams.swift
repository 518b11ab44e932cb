import Alerts
import Glibc
import Journaling
import RocketChat
import SQLiteJournal
import Support

/// What a command says: results on standard output, problems on standard error. Servers and senders of alerts have
/// written some of it, so that all of it goes through `TerminalText`.
enum StandardStreams {
    /// Ends the process where the output is lost, as on a full disk: whoever saves it must not take it for whole.
    static func print(_ text: String) {
        guard !write(TerminalText.escaped(text, keepsLines: true), to: STDOUT_FILENO) else { return }
        complain("standard output: \(String(cString: strerror(errno)))")
        exit(1)
    }

    /// One line, with the program's name before it.
    static func complain(_ problem: String) {
        _ = write("relay: " + TerminalText.escaped(problem, keepsLines: false) + "\n", to: STDERR_FILENO)
    }

    /// The content of a file; of standard input where its name is a hyphen.
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
                throw ControlError(description: "more than \(limit) bytes are not taken at once")
            }
            bytes += piece[..<count]
        }
    }

    /// Whether all of it is written, or nobody is there any more to read it.
    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // A reader that left, as `| head` does, is no error of ours.
            guard count > 0 || errno == EINTR else { return errno == EPIPE }
            bytes = bytes.dropFirst(max(0, count))
        }
        return true
    }
}
