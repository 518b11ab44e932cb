import Foundation

/// An HAProxy that forwards plain clients' bytes unchanged to a server over TLS.
public final class TLSTunnel {
    public let port: UInt16
    private let program: Program
    private let folder = TemporaryFolder()

    /// - Parameter sources: the number of source addresses, used in rotation.
    public init(to server: UInt16, sources: Int = 1) throws {
        port = try Loopback.freePort()
        let servers = (1...sources).map {
            " server s\($0) 127.0.0.1:\(server) ssl verify none source 127.0.1.\($0)\n"
        }
        let path = folder.path + "/haproxy.cfg"
        try """
        global
         maxconn 4000
         nbthread 1
        defaults
         mode tcp
         timeout connect 5s
         timeout client 60s
         timeout server 60s
        listen tunnel
         bind 127.0.0.1:\(port)
         balance roundrobin
        \(servers.joined())
        """.write(toFile: path, atomically: true, encoding: .utf8)
        program = try Program("haproxy", ["-db", "-f", path])
        let (port, program) = (port, program)
        guard eventually({ Loopback.isListening(on: port) || !program.isRunning }), program.isRunning else {
            throw Program.Failure.notStarted(program.output)
        }
    }
}
