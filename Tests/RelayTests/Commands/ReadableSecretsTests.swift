import Foundation
import Glibc
import TestSupport
import Testing

@testable import Relay

@Suite struct ReadableSecretsTests {
    @Test func worldReadableSecretIsReported() throws {
        let folder = TemporaryFolder()
        let paths = ["a", "b", "c"].map { folder.path + "/" + $0 }
        for (path, mode) in zip(paths, [0o644, 0o640, 0o644] as [mode_t]) {
            try "secret".write(toFile: path, atomically: true, encoding: .utf8)
            #expect(chmod(path, mode) == 0)
        }
        let warnings = ReadableSecrets.warnings(environment: [
            "ROCKETCHAT_WEBHOOK_CRITICAL_FILE": paths[0], "RELAY_AUTH_TOKEN_FILE": paths[1],
            "RELAY_TLS_CERT_FILE": paths[2], "RELAY_BASIC_AUTH_FILE": "/run/secrets/users",
        ])
        #expect(
            warnings == ["every user of this machine can read \(paths[0]), which holds secrets; chmod 600 \(paths[0])"])
    }
}
