import Alerts
import Glibc
import Journaling
import Libevent
import Logging
import RocketChat
import SQLiteJournal
import Support

/// Sets aside webhook bodies that crash the process while they are parsed, so that the sender's retries cannot do so for
/// ever: after three crashes a body is stored as a dead letter without parsing.
///
/// A body is identified by its digest. `crash.body` in the storage folder holds the last one, written by `CrashRecorder`
/// at the crash; `crash.digests` holds the counts. A start needs neither.
@LoopActor
final class BodyGuard {
    /// Crashes after which a body is not parsed any more.
    nonisolated static let crashLimit = 3
    private static let capacity = 64

    private let sha256 = SHA256()
    /// Crashes by hexadecimal digest, oldest first.
    private nonisolated let ledger: [(digest: String, crashes: Int)]
    /// False where a crash cannot be attributed.
    let isRecording: Bool

    /// Blocks for the files. To be called on the loop once the folder's lock is held.
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

    /// True after three crashes. Computes the digest only if some body has reached the limit.
    nonisolated func isPoison(_ body: [UInt8]) -> Bool {
        guard ledger.contains(where: { $0.crashes >= Self.crashLimit }) else { return false }
        let digest = Self.hexadecimal(body.withUnsafeBytes { SHA256().digest(of: $0) })
        return ledger.contains { $0.digest == digest && $0.crashes >= Self.crashLimit }
    }

    /// Wraps such a body in a notification that goes to the dead letters.
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

    /// To write it anew; nil where it is no file, or has another name, under which it may be somebody else's.
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

    /// Empty where the file is missing, no file, or larger than `limit`.
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
