import CLibevent
import Glibc

/// The paths of a TLS server's PEM files.
public struct TLSFiles: Sendable, Hashable {
    /// The server's certificate, followed by its intermediate certificates.
    public var certificate: String
    /// The private key of that certificate, without a passphrase.
    public var key: String
    /// The CA certificates for client certificates, which are then required; nil if clients need none.
    public var clientCA: String?

    public init(certificate: String, key: String, clientCA: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.clientCA = clientCA
    }
}

/// Why TLS files cannot be used: the file, the fault and OpenSSL's reason. Contains no key material.
public struct TLSError: Error, Equatable, CustomStringConvertible {
    public var description: String
}

/// A TLS server's configuration: TLS 1.2 or later, forward secrecy, HTTP/1.1 only, no renegotiation.
///
/// Immutable. New files need a new context, and open connections keep theirs. Sessions cannot be resumed under another
/// context, because each has its own ticket keys.
// @unchecked because only `init` changes the SSL_CTX; SSL_new and SSL_CTX_free are thread-safe.
public final class TLSContext: @unchecked Sendable {
    private let context: OpaquePointer

    /// Reads the files. Blocks.
    public init(_ files: TLSFiles) throws(TLSError) {
        // Earlier errors in this thread's queue would appear as the reason.
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw .openSSL("cannot make a TLS context") }
        self.context = context
        guard relay_ssl_require_tls12(context) == 1 else { throw .openSSL("cannot require TLS 1.2") }
        guard relay_ssl_harden(context) == 1 else { throw .openSSL("there is no cipher suite with forward secrecy") }
        acceptOnlyHTTP1()
        try useCertificate(files.certificate)
        try useKey(files.key, of: files.certificate)
        if let clientCA = files.clientCA { try requireClients(of: clientCA) }
    }

    deinit {
        SSL_CTX_free(context)
    }

    /// Makes a session for a new connection. Returns nil if memory is short.
    func makeSession() -> OpaquePointer? { SSL_new(context) }

    // MARK: Files

    private func useCertificate(_ path: String) throws(TLSError) {
        try Self.checkReadable(path, "certificate")
        guard SSL_CTX_use_certificate_chain_file(context, path) == 1 else {
            throw .openSSL("cannot use the certificate \(path), which must be in PEM form")
        }
    }

    private func useKey(_ path: String, of certificate: String) throws(TLSError) {
        try Self.checkReadable(path, "private key")
        var wasAskedForPassphrase = false
        let code = withUnsafeMutablePointer(to: &wasAskedForPassphrase) { wasAsked in
            // OpenSSL's default callback prompts on the terminal and would block the program.
            SSL_CTX_set_default_passwd_cb(context) { _, _, _, wasAsked in
                wasAsked?.storeBytes(of: true, as: Bool.self)
                return -1
            }
            SSL_CTX_set_default_passwd_cb_userdata(context, wasAsked)
            defer { SSL_CTX_set_default_passwd_cb_userdata(context, nil) }
            return SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM)
        }
        if wasAskedForPassphrase {
            ERR_clear_error()
            throw TLSError(description: "the private key \(path) has a passphrase, and nobody can be asked for it")
        }
        // Loading compares key and certificate of the same type; the check finds an EC key with an RSA certificate.
        let isMismatch = code != 1 && ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH
        guard code == 1 || isMismatch else {
            throw .openSSL("cannot use the private key \(path), which must be in PEM form")
        }
        guard !isMismatch, SSL_CTX_check_private_key(context) == 1 else {
            throw .openSSL("the private key \(path) does not belong to the certificate \(certificate)")
        }
    }

    private func requireClients(of path: String) throws(TLSError) {
        try Self.checkReadable(path, "client CA")
        guard SSL_CTX_load_verify_file(context, path) == 1, let names = SSL_load_client_CA_file(path) else {
            throw .openSSL("cannot use the client CA \(path), which must be in PEM form")
        }
        // The context owns the names from here on.
        SSL_CTX_set_client_CA_list(context, names)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        // Without a session ID context, OpenSSL fails resumed handshakes of clients with a certificate.
        let name = Array("relay".utf8)
        SSL_CTX_set_session_id_context(context, name, UInt32(name.count))
    }

    /// Throws the system's error if the file cannot be read. OpenSSL's first error would not name that reason reliably.
    private static func checkReadable(_ path: String, _ role: String) throws(TLSError) {
        // Non-blocking, so that a FIFO counts as an empty file.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        var byte: UInt8 = 0
        let count = descriptor < 0 ? -1 : read(descriptor, &byte, 1)
        let code = errno
        if descriptor >= 0 { close(descriptor) }
        if count < 0 {
            throw TLSError(description: "cannot read the \(role) \(path): \(String(cString: strerror(code)))")
        }
        if count == 0 { throw TLSError(description: "the \(role) \(path) is empty") }
    }

    // MARK: ALPN

    /// Selects HTTP/1.1. A client that offers only other protocols gets an alert (RFC 7301 §3.2).
    private func acceptOnlyHTTP1() {
        SSL_CTX_set_alpn_select_cb(
            context,
            { _, chosen, chosenLength, offered, offeredLength, _ in
                let list = UnsafeBufferPointer(start: offered, count: Int(offeredLength))
                var start = 0
                while start < list.count {
                    let name = list[(start + 1)...].prefix(Int(list[start]))
                    if name.elementsEqual("http/1.1".utf8) {
                        // May point into the client's list: OpenSSL copies the name.
                        chosen?.pointee = offered?.advanced(by: name.startIndex)
                        chosenLength?.pointee = UInt8(name.count)
                        return SSL_TLSEXT_ERR_OK
                    }
                    start = name.endIndex
                }
                return SSL_TLSEXT_ERR_ALERT_FATAL
            }, nil)
    }
}

extension TLSError {
    /// Makes an error with the first reason in OpenSSL's error queue, which is the cause. Clears the queue.
    fileprivate static func openSSL(_ what: String) -> TLSError {
        let reason = ERR_reason_error_string(ERR_peek_error()).map { String(cString: $0) } ?? "no reason given"
        ERR_clear_error()
        return TLSError(description: "\(what): \(reason)")
    }
}
