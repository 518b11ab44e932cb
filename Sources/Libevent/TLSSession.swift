import CLibevent

/// The TLS layer of one connection. Detects unfinished handshakes and records by counting received bytes.
///
/// evhttp sees no data of an unfinished handshake or record, while each of its bytes restarts the idle timeout. Bytes
/// received since the connection was last at rest belong to an unfinished handshake or record.
@LoopActor
final class TLSSession {
    /// Owned by the bufferevent.
    private let ssl: OpaquePointer
    /// The byte count when the connection was last at rest; nil while its handshake is unfinished.
    private var bytesAtRest: UInt64?
    private var unfinishedSince: ContinuousClock.Instant?
    /// Counted among the unfinished handshakes (`TLSHandshakes`).
    var isHandshaking = true

    /// - Parameter now: when the connection was accepted, which is when its handshake began.
    init(_ ssl: OpaquePointer, now: ContinuousClock.Instant) {
        self.ssl = ssl
        unfinishedSince = now
        // The count must be taken when the handshake ends, because a later record may already have begun at the next
        // check. It is stored in the session's ex_data slot in place of a pointer.
        SSL_set_info_callback(ssl) { ssl, what, _ in
            guard what & SSL_CB_HANDSHAKE_DONE != 0, let ssl, SSL_get_ex_data(ssl, 0) == nil else { return }
            SSL_set_ex_data(ssl, 0, UnsafeMutableRawPointer(bitPattern: UInt(BIO_number_read(SSL_get_rbio(ssl)))))
        }
    }

    private var bytesRead: UInt64 { BIO_number_read(SSL_get_rbio(ssl)) }

    /// The byte count when the handshake ended; nil before. It is never 0.
    private var bytesOfHandshake: UInt64? { SSL_get_ex_data(ssl, 0).map { UInt64(UInt(bitPattern: $0)) } }

    /// The client has sent a byte.
    var hasBegun: Bool { bytesRead > 0 }

    var hasFinishedHandshake: Bool { bytesOfHandshake != nil }

    /// The client has sent bytes but has not finished the handshake.
    var hasFailedHandshake: Bool { bytesOfHandshake == nil && bytesRead > 0 }

    /// Marks all bytes received so far as complete records.
    func rest() {
        bytesAtRest = bytesRead
        unfinishedSince = nil
    }

    /// When the unfinished handshake or record began; nil if there is none. As precise as the interval between calls.
    func unfinishedSince(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        if bytesAtRest == nil, let bytesOfHandshake { (bytesAtRest, unfinishedSince) = (bytesOfHandshake, nil) }
        if let bytesAtRest, unfinishedSince == nil, bytesRead != bytesAtRest { unfinishedSince = now }
        return unfinishedSince
    }

    /// Sends close_notify, so that the client can detect truncation (RFC 8446 §6.1). Neither evhttp nor libevent does.
    func sendCloseNotify() {
        SSL_shutdown(ssl)
        // It fails if the client has disconnected, and libevent would report that error as one of its own calls.
        ERR_clear_error()
    }
}
