import Alerts
import Glibc
import Libevent
import Logging

/// Stores a webhook body as a dead letter, without parsing it, after parsing it has crashed the process three times.
/// Otherwise retries of the sender would crash the relay forever.
///
/// A body is identified by its digest. In the storage folder, `crash.body` holds the last body, written by
/// `CrashRecorder` during the crash. `crash.digests` holds the counts. Both files are optional.
@LoopActor
final class BodyGuard {
    /// The number of crashes after which a body is not parsed any more.
    nonisolated static let crashLimit = 3
    private static let capacity = 64

    private let sha256 = SHA256()
    /// The number of crashes by hexadecimal digest, oldest first.
    private nonisolated let ledger: [(digest: String, crashes: Int)]
    /// False if crashes cannot be attributed.
    let isRecording: Bool

    /// Reads and writes files. Must be called on the loop, after the lock of the folder is held.
    init(folder: String, logger: Logger) {
        let (body, digests) = (folder + "/crash.body", folder + "/crash.digests")
        var ledger = Self.parse(Self.read(digests, limit: 64 * 1024))
        let last = Self.read(body, limit: 1 << 30)
        if !last.isEmpty {
            let digest = Self.hexadecimal(last.withUnsafeBytes { SHA256().digest(of: $0) })
            var crashes = 1
            if let index = ledger.firstIndex(where: { $0.digest == digest }) {
                crashes += ledger.remove(at: index).crashes
            }
            ledger = ledger.suffix(Self.capacity - 1) + [(digest, crashes)]
            let text = ledger.map { "\($0.digest) \($0.crashes)\n" }.joined()
            if let file = Self.openEmpty(digests) {
                let bytes = Array(text.utf8)
                _ = write(file, bytes, bytes.count)
                close(file)
            }
            logger.error(
                "an earlier process crashed while parsing a webhook",
                metadata: ["digest": "\(digest)", "crashes": "\(crashes)", "bytes": "\(last.count)"])
        }
        self.ledger = ledger
        let file = Self.openEmpty(body)
        isRecording = file != nil
        if let file {
            CrashRecorder.install(writingTo: file)
        } else {
            logger.error("crashes cannot be attributed to webhooks: the file is not usable")
        }
    }

    /// Whether parsing this body has crashed the process three times. Computes the digest only if some body has reached
    /// the limit.
    nonisolated func isPoison(_ body: [UInt8]) -> Bool {
        guard ledger.contains(where: { $0.crashes >= Self.crashLimit }) else { return false }
        let digest = Self.hexadecimal(body.withUnsafeBytes { SHA256().digest(of: $0) })
        return ledger.contains { $0.digest == digest && $0.crashes >= Self.crashLimit }
    }

    /// Wraps such a body in a notification for the dead letters.
    func asNotification(_ body: [UInt8]) -> AlertBatch {
        let key = DedupeKey(bytes: body.withUnsafeBytes { sha256.digest(of: $0) })
        let notification = Notification(severity: .fallback, group: 0, acceptedAt: .now(), body: body)
        return AlertBatch(dedupeKey: key, notifications: [notification], counts: [], alerts: 0)
    }

    private static func parse(_ bytes: [UInt8]) -> [(digest: String, crashes: Int)] {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(capacity)
        return lines.compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 2, words[0].utf8.count == 2 * SHA256.size, let crashes = UInt16(words[1]) else {
                return nil
            }
            return (String(words[0]), Int(crashes))
        }
    }

    private nonisolated static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Opens and empties a file for writing. Returns nil if it is not a regular file or has another hard link, which
    /// may belong to another user.
    private static func openEmpty(_ path: String) -> Int32? {
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard file >= 0 else { return nil }
        var status = stat()
        if fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1, ftruncate(file, 0) == 0
        {
            return file
        }
        close(file)
        return nil
    }

    /// Returns an empty array if the file is missing, not a regular file, or larger than `limit`.
    private static func read(_ path: String, limit: Int) -> [UInt8] {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else { return [] }
        return [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
            while count < buffer.count, let start = buffer.baseAddress {
                let read = Glibc.read(file, start + count, buffer.count - count)
                guard read > 0 else { return }
                count += read
            }
        }
    }
}
