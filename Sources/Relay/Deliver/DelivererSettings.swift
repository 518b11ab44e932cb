/// How posts leave: times, limits and the way to the server.
struct DelivererSettings: Sendable, Equatable {
    /// `relay/<version>`.
    var userAgent = "relay"
    /// From the start to a connection that stands, TLS included.
    var connectTimeout: Duration = .seconds(5)
    /// From the start to the last byte of the answer. Rocket.Chat answers after it has notified the room, which
    /// takes seconds in large ones (contract section 5).
    var timeout: Duration = .seconds(20)
    /// The bytes of an answer's body that are read, unpacked: enough for the largest message and its parsed text, which
    /// Rocket.Chat sends back where ids are asked for.
    var bodyLimit = 4 << 20
    /// The bytes that all header lines of an answer may have together.
    var headerLimit = 32 * 1024
    /// A proxy's URL, which may hold a password; nil for what `http_proxy`, `https_proxy` and `no_proxy` say.
    var proxy: Secret?
    /// Hosts that are reached without the proxy, separated by commas; nil for what `no_proxy` says.
    var noProxy: String?
    /// A Unix socket to connect to, in place of the URL's host.
    var unixSocket: String?
    /// A file with the certificates to trust, in place of the system's.
    var caFile: String?
    /// A folder with the certificates to trust, in place of the system's.
    var caFolder: String?
    /// What to show a server that asks for a certificate.
    var clientCertificate: ClientCertificate?
}
