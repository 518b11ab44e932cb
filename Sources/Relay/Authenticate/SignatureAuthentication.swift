import Alerts
import CCrypto
import Libevent
import Support

/// The settings of signed webhooks.
struct SignatureSettings: Sendable, Equatable {
    /// Any of these secrets is accepted, so a new one can be added before the old one is removed. Without secrets no
    /// signature is accepted.
    var secrets: [Secret] = []
    /// The field with the signature.
    var header = "X-Grafana-Alerting-Signature"
    /// The field with the time of the signature; nil if signatures do not cover a time.
    var timestampHeader: String?

    /// How far a signature's time may be from this machine's, in seconds.
    static let replayWindow: Int64 = 300
}

/// The signature of a request, judged by its head: the body is needed to verify it.
enum SignatureClaim: Sendable {
    /// The request is not signed, or signatures are not configured.
    case none
    /// The signature cannot be valid, whatever the body is. Has the reason for the response.
    case invalid(String)
    case signed(BodySignature)

    @LoopActor
    init(_ head: some RequestHead, _ settings: SignatureSettings, now: Timestamp) {
        let fields = settings.secrets.isEmpty ? [] : head.headers(settings.header)
        guard let field = fields.first else {
            self = .none
            return
        }
        guard fields.count == 1, let digest = Self.bytes(ofHex: field), digest.count == SHA256.size else {
            self = .invalid("\(settings.header) must be one hexadecimal HMAC-SHA256")
            return
        }
        var prefix: [UInt8] = []
        if let header = settings.timestampHeader {
            guard let text = Self.timestamp(head.headers(header), now: now) else {
                self = .invalid(
                    "\(header) must be a Unix time within \(SignatureSettings.replayWindow) s of the relay's")
                return
            }
            prefix = Array(text.utf8) + [UInt8(ascii: ":")]
        }
        self = .signed(BodySignature(digest: digest, prefix: prefix, secrets: settings.secrets))
    }

    /// Returns the text of a time in the replay window; nil if there is no such field.
    private static func timestamp(_ fields: [String], now: Timestamp) -> String? {
        guard fields.count == 1, (1...12).contains(fields[0].utf8.count),
            fields[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let seconds = Int64(fields[0]),
            abs(seconds - now.seconds) <= SignatureSettings.replayWindow
        else { return nil }
        return fields[0]
    }

    private static func bytes(ofHex text: String) -> [UInt8]? {
        let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return bytes
    }
}

/// A signature as Grafana makes it: HMAC-SHA-256 (RFC 2104) of the body, or of a time, a colon and the body.
struct BodySignature: Sendable {
    let digest: [UInt8]
    /// The bytes before the body.
    let prefix: [UInt8]
    let secrets: [Secret]

    /// Whether a secret made the signature of this body. Compares in constant time. Takes a millisecond for each
    /// megabyte and secret.
    func isValid(for body: [UInt8]) -> Bool {
        secrets.map { HMACSHA256.isEqual(Self.digest(prefix, body, key: Array($0.revealed.utf8)), digest) }.contains(
            true)
    }

    /// HMAC of two parts without a copy of them, which libcrypto's function for one buffer would need.
    static func digest(_ prefix: [UInt8], _ body: [UInt8], key: [UInt8]) -> [UInt8] {
        let hash = SHA256()
        let block = 64
        var key = key.count > block ? key.withUnsafeBytes(hash.digest) : key
        key += [UInt8](repeating: 0, count: block - key.count)
        func digest(pad: UInt8, _ parts: [UInt8]...) -> [UInt8] {
            hash.begin()
            for part in [key.map { $0 ^ pad }] + parts { part.withUnsafeBytes(hash.update) }
            return hash.finish()
        }
        return digest(pad: 0x5C, digest(pad: 0x36, prefix, body))
    }
}
