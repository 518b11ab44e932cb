import Glibc
import Libevent

/// The process's server, and the signals that end the process.
@LoopActor
enum MockProcess {
    private static var server: MockServer?
    private static var signals: [LoopEvent] = []

    static func start(_ options: ServerOptions, on address: SocketAddress) {
        let server = MockServer(options: options)
        self.server = server
        signals = [SIGTERM, SIGINT].map { LoopEvent.signal($0) { exit(0) } }
        do {
            let bound = try server.start(on: address)
            log("msg=listening address=\(bound) profile=\(options.profile.rawValue)")
        } catch {
            log("msg=\"cannot start\" error=\"\(error)\"")
            exit(1)
        }
    }

    private static func log(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        // One write, so that lines of several processes do not mix. A failure is ignored.
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}
