import Foundation
import Glibc
import TestSupport
import Testing

/// The built relay under attack with a mock Rocket.Chat behind it, and measurements of the relay.
final class AbuseRig {
    let relay: Program
    let port: UInt16
    private let mock: Program
    private let folder = TemporaryFolder()

    init(environment: [String: String] = [:]) throws {
        Self.raiseDescriptorLimit()
        mock = try Program("mock-rocketchat", ["--listen", "127.0.0.1:0", "--limiter", "off"])
        let hook = "http://127.0.0.1:\(try mock.port())/hooks/info/t0ken"
        let settings = [
            "RELAY_LISTEN": "127.0.0.1:0", "RELAY_STORAGE_PATH": folder.path + "/spool",
            "ROCKETCHAT_WEBHOOK_INFO": hook, "ROCKETCHAT_WEBHOOK_FALLBACK": hook,
        ]
        relay = try Program(Self.program, [], environment: settings.merging(environment) { $1 })
        port = try relay.port()
        try "5".write(toFile: "/proc/\(relay.id)/clear_refs", atomically: false, encoding: .utf8)
    }

    /// The peak resident memory since the start, in bytes.
    func peakMemory() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(relay.id)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.split(separator: " ").dropLast().last ?? "")) * 1024
    }

    func descriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(relay.id)/fd").count
    }

    // MARK: Which program

    /// Whether the relay is built with a sanitizer, which makes its time and memory figures meaningless.
    static let isSanitized = ["/.build-address/", "/.build-thread/"].contains { CommandLine.arguments[0].contains($0) }

    /// The program in `ABUSE_RELAY`; else the release build if it is newer than all sources; else the debug build.
    static let program: String = {
        if let path = ProcessInfo.processInfo.environment["ABUSE_RELAY"] { return path }
        let release = Checkout.root.appending(path: ".build/release/relay")
        guard !isSanitized, let built = date(of: release) else { return "relay" }
        let sources = FileManager.default.enumerator(
            at: Checkout.root.appending(path: "Sources"), includingPropertiesForKeys: [.contentModificationDateKey])
        while let file = sources?.nextObject() as? URL {
            if let changed = date(of: file), changed > built { return "relay" }
        }
        return release.path
    }()

    static var isOptimized: Bool { program != "relay" }

    private static func date(of file: URL) -> Date? {
        try? file.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate
    }

    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
