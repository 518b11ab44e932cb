import Foundation
import Glibc
import Libevent
import TestSupport
import Testing

@testable import Relay
@testable import SQLiteJournal

@Suite(.timeLimit(.minutes(1))) @LoopActor struct ControlListenerTests {
    private let folder = TemporaryFolder()

    private func listener() throws -> ControlListener {
        try ControlListener(folder: folder.path, services: [])
    }

    private func mode(_ path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    /// Also in a folder that others may enter, and in place of a socket with another mode.
    @Test func socketIsAccessibleToItsOwnerOnly() throws {
        let path = ControlListener.path(in: folder.path)
        for _ in 0..<2 {
            let control = try listener()
            #expect(mode(path) == 0o600)
            #expect(UnixSocket.server(at: path) == geteuid())
            chmod(path, 0o666)
            withExtendedLifetime(control) {}
        }
        let control = try listener()
        control.stop()
        #expect(mode(path) == nil, "the socket's file is removed")
    }

    @Test func storageFolderIsCreatedForItsOwnerOnly() throws {
        let storage = folder.path + "/outer/spool"
        let store = SQLiteJournalStore(SpoolSettings(folder: storage))
        _ = try store.open(at: .sample)
        #expect(mode(storage) == 0o700 && mode(folder.path + "/outer") == 0o700)
        let names = try FileManager.default.contentsOfDirectory(atPath: storage)
        #expect(names.contains("spool.db"))
        for name in names {
            #expect(mode(storage + "/" + name).map { $0 & 0o077 } == 0, "\(name)")
        }
        try store.close(at: .sample)
    }

    @Test func onlyTheOwnerAndRootMayCommand() {
        #expect(ControlListener.mayCommand(7, of: 7) && ControlListener.mayCommand(0, of: 7))
        #expect(!ControlListener.mayCommand(8, of: 7) && !ControlListener.mayCommand(7, of: 0))
    }
}
