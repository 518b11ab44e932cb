import CLibevent

/// The TLS layer of one connection, below what evhttp sees of it.
///
/// To evhttp a handshake or a record that never ends is silence, and each of its bytes puts the idle timeout off. So
/// the bytes on the wire are counted here: those that came since the connection was last at rest belong to something
/// unfinished.
@LoopActor
struct TLSSession {
    /// Owned by the bufferevent.
    private let ssl: OpaquePointer
    /// The count when the connection was last at rest; nil while its handshake is unfinished.
    private var bytesAtRest: UInt64?
    private var unfinishedSince: ContinuousClock.Instant?
    /// Counted among the unfinished handshakes (`TLSHandshakes`).
    var isHandshaking = true

    /// - Parameter now: when the connection was accepted, from which on its handshake is unfinished.
    init(_ ssl: OpaquePointer, now: ContinuousClock.Instant) {
        self.ssl = ssl
        unfinishedSince = now
        // At the time of asking, a record may have begun already that never ends, so the session keeps the count itself,
        // in the place of a pointer that OpenSSL leaves to the program.
        SSL_set_info_callback(ssl) { ssl, what, _ in
            guard what & SSL_CB_HANDSHAKE_DONE != 0, let ssl, SSL_get_ex_data(ssl, 0) == nil else { return }
            SSL_set_ex_data(ssl, 0, UnsafeMutableRawPointer(bitPattern: UInt(BIO_number_read(SSL_get_rbio(ssl)))))
        }
    }

    private var bytesRead: UInt64 { BIO_number_read(SSL_get_rbio(ssl)) }

    /// What had been read when the handshake was done; nil before, since no handshake is of no bytes.
    private var bytesOfHandshake: UInt64? { SSL_get_ex_data(ssl, 0).map { UInt64(UInt(bitPattern: $0)) } }

    /// The client has said something.
    var hasBegun: Bool { bytesRead > 0 }

    var hasFinishedHandshake: Bool { bytesOfHandshake != nil }

    /// The client said something, but no handshake came of it.
    var hasFailedHandshake: Bool { bytesOfHandshake == nil && bytesRead > 0 }

    /// All that has arrived so far was of use, and nothing is awaited.
    mutating func rest() {
        bytesAtRest = bytesRead
        unfinishedSince = nil
    }

    /// When the handshake or the record began that has not yet ended, to within the time between two calls.
    mutating func unfinishedSince(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        if bytesAtRest == nil, let bytesOfHandshake { (bytesAtRest, unfinishedSince) = (bytesOfHandshake, nil) }
        if let bytesAtRest, unfinishedSince == nil, bytesRead != bytesAtRest { unfinishedSince = now }
        return unfinishedSince
    }

    /// Tells the client that nothing follows, so that it can tell this end from one that somebody else made (RFC 8446
    /// §6.1); neither evhttp nor libevent does.
    func announceEnd() {
        SSL_shutdown(ssl)
        // It fails where the client is gone, and libevent takes whatever is in the queue for a reason of its own.
        ERR_clear_error()
    }
}
