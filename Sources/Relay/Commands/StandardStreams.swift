import Glibc

/// What a command says: results on standard output, problems on standard error.
enum StandardStreams {
    static func print(_ text: String) {
        write(text, to: STDOUT_FILENO)
    }

    /// One line, with the program's name before it.
    static func complain(_ problem: String) {
        write("relay: \(problem)\n", to: STDERR_FILENO)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // A reader that left, as `| head` does, is no error of ours.
            guard count > 0 || errno == EINTR else { return }
            bytes = bytes.dropFirst(max(0, count))
        }
    }
}
