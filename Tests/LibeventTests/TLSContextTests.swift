import Foundation
import Libevent
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct TLSContextTests {
    /// A file's role, as named in error messages.
    enum Role: String, CaseIterable {
        case certificate
        case key = "private key"
        case clientCA = "client CA"
    }

    @Test func goodFilesMakeAContext() async throws {
        let identity = try await TLSIdentity()
        _ = try TLSContext(identity.files())
        _ = try TLSContext(identity.files(clientCA: identity))
    }

    @Test(arguments: Role.allCases)
    func unreadableFileIsReported(role: Role) async throws {
        let identity = try await TLSIdentity()
        let missing = identity.folder.path + "/missing.pem"
        #expect(
            explanation(identity, role, missing)
                == "cannot read the \(role.rawValue) \(missing): No such file or directory")
        let folder = identity.folder.path
        #expect(explanation(identity, role, folder) == "cannot read the \(role.rawValue) \(folder): Is a directory")
        let empty = try identity.file("empty.pem", "")
        #expect(explanation(identity, role, empty) == "the \(role.rawValue) \(empty) is empty")
    }

    @Test(arguments: Role.allCases)
    func fileThatIsNotPEMIsReported(role: Role) async throws {
        let identity = try await TLSIdentity()
        let text = try identity.file("text.pem", "no certificate\n")
        let explanation = explanation(identity, role, text)
        #expect(explanation.hasPrefix("cannot use the \(role.rawValue) \(text), which must be in PEM form: "))
        #expect(!explanation.hasSuffix("no reason given"))
    }

    @Test(arguments: Role.allCases)
    func truncatedFileIsReported(role: Role) async throws {
        let identity = try await TLSIdentity()
        let whole = try String(contentsOfFile: role == .key ? identity.key : identity.certificate, encoding: .utf8)
        let cut = try identity.file("cut.pem", String(whole.prefix(whole.count / 2)))
        #expect(
            explanation(identity, role, cut).hasPrefix(
                "cannot use the \(role.rawValue) \(cut), which must be in PEM form: "))
    }

    @Test func aKeyOfAnotherCertificateIsRefused() async throws {
        let (identity, other) = (try await TLSIdentity(), try await TLSIdentity())
        #expect(
            explanation(identity, .key, other.key)
                == "the private key \(other.key) does not belong to the certificate \(identity.certificate): "
                + "key values mismatch")
    }

    @Test func aKeyOfAnotherKindIsRefused() async throws {
        let identity = try await TLSIdentity()
        let key = identity.folder.path + "/rsa.pem"
        try await openssl("genpkey", "-algorithm", "RSA", "-out", key)
        #expect(
            explanation(identity, .key, key).hasPrefix(
                "the private key \(key) does not belong to the certificate \(identity.certificate): "))
    }

    @Test func keyWithAPassphraseIsRefusedWithoutAPrompt() async throws {
        let identity = try await TLSIdentity()
        let key = identity.folder.path + "/locked.pem"
        try await openssl("pkey", "-in", identity.key, "-aes256", "-passout", "pass:secret", "-out", key)
        #expect(
            explanation(identity, .key, key)
                == "the private key \(key) has a passphrase, and nobody can be asked for it")
    }

    @Test func weakKeyIsRefusedWithOpenSSLsReason() async throws {
        let identity = try await TLSIdentity()
        let (certificate, key) = (identity.folder.path + "/weak.pem", identity.folder.path + "/weak-key.pem")
        try await openssl(
            "req", "-x509", "-newkey", "rsa:512", "-nodes", "-subj", "/CN=weak", "-keyout", key, "-out", certificate)
        #expect(
            explanation(identity, .certificate, certificate)
                == "cannot use the certificate \(certificate), which must be in PEM form: ee key too small")
    }

    /// The error for valid files in which the file of `role` is replaced.
    private func explanation(_ identity: TLSIdentity, _ role: Role, _ path: String) -> String {
        var files = identity.files()
        switch role {
        case .certificate: files.certificate = path
        case .key: files.key = path
        case .clientCA: files.clientCA = path
        }
        do {
            _ = try TLSContext(files)
            return "no error"
        } catch {
            return error.description
        }
    }

    private func openssl(_ arguments: String...) async throws {
        let program = try Program("openssl", arguments)
        try #require(program.exitCode() == 0, "\(program.output)")
    }
}
