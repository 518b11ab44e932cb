import Foundation
import Glibc
import TestSupport
import Testing

@testable import Journaling
@testable import SQLiteJournal

/// Checks of the storage folder and its files before they are used.
@Suite struct SpoolGuardTests {
    private let outer = TemporaryFolder()
    private var folder: String { outer.path + "/spool" }

    private func open(allowsRoot: Bool = false) throws {
        let store = SQLiteJournalStore(SpoolSettings(folder: folder, allowsRoot: allowsRoot))
        _ = try store.open(at: .sample)
        try store.close(at: .sample)
    }

    /// Returns the reason of a refusal, or nil if the folder is accepted.
    private func refusal(allowsRoot: Bool = false) -> String? {
        do {
            try open(allowsRoot: allowsRoot)
            return nil
        } catch JournalOpenError.insecure(_, let reason) {
            return reason
        } catch {
            return "another error: \(error)"
        }
    }

    @Test(
        arguments: [
            (0o700, nil), (0o755, nil), (0o711, nil), (0o770, nil), (0o2770, nil),
            (0o777, "every user can write in it"),
            (0o1777, "every user can write in it"), (0o702, "every user can write in it"),
        ] as [(mode_t, String?)])
    func worldWritableFolderIsRefused(mode: mode_t, reason: String?) throws {
        #expect(mkdir(folder, 0o700) == 0 && chmod(folder, mode) == 0)
        #expect(refusal()?.hasPrefix(reason ?? "none") == (reason == nil ? nil : true))
    }

    /// Needs root to change the owner.
    @Test(.enabled(if: geteuid() == 0))
    func foreignOwnerIsRefused() throws {
        #expect(mkdir(folder, 0o700) == 0 && chown(folder, 65534, 65534) == 0)
        #expect(refusal()?.hasPrefix("it belongs to user 65534") == true)
        #expect(refusal(allowsRoot: true) == nil, "root's commands work in the relay's folder")
        #expect(chown(folder, 0, 65534) == 0)
        #expect(chmod(folder, 0o2775) == 0)
        #expect(refusal() == nil, "as Kubernetes prepares a volume for fsGroup")
    }

    @Test(arguments: ["spool.db", "spool.db-wal", "spool.lock", "spool.ballast", "spool.damaged"])
    func linksAndPipesAreRefused(name: String) throws {
        #expect(mkdir(folder, 0o700) == 0)
        let victim = outer.path + "/victim"
        try "precious".write(toFile: victim, atomically: true, encoding: .utf8)
        #expect(symlink(victim, folder + "/" + name) == 0)
        #expect(refusal()?.hasPrefix("it is a symbolic link") == true)
        #expect(unlink(folder + "/" + name) == 0 && link(victim, folder + "/" + name) == 0)
        #expect(refusal()?.hasPrefix("it has 2 names") == true)
        #expect(unlink(folder + "/" + name) == 0 && mkfifo(folder + "/" + name, 0o600) == 0)
        #expect(refusal()?.hasPrefix("it is no regular file") == true)
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
    }

    @Test func linkedFolderIsAccepted() throws {
        #expect(mkdir(outer.path + "/real", 0o700) == 0 && symlink(outer.path + "/real", folder) == 0)
        #expect(refusal() == nil, "as systemd's StateDirectory with DynamicUser")
        #expect(FileManager.default.fileExists(atPath: outer.path + "/real/spool.db"))
    }

    @Test func onlyInsecureAndForeignSpoolsNeedAPerson() {
        #expect(JournalOpenError.insecure(path: "/x", reason: "r").needsOperator)
        #expect(JournalOpenError.foreign(path: "/x").needsOperator)
        #expect(!JournalOpenError.unusable(path: "/x", reason: "r").needsOperator)
        #expect(!JournalOpenError.locked(folder: "/x", process: nil).needsOperator)
    }
}
