import Foundation

/// The webhook bodies captured from real Alertmanagers.
enum Fixtures {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures")

    /// Every captured body but the templated one that is none of Alertmanager's.
    static let bodies: [String] = names.filter { !$0.hasPrefix("28-") }

    private static let names: [String] = {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return all.filter { $0.hasSuffix(".json") && !$0.hasSuffix(".meta.json") }.sorted()
    }()

    static func body(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appending(path: name)))
    }

    /// What was noted of a body when it was captured.
    static func summary(_ name: String) throws -> [String: Any]? {
        let path = folder.appending(path: name.replacingOccurrences(of: ".json", with: ".meta.json"))
        guard let data = try? Data(contentsOf: path) else { return nil }
        let meta = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        return meta?["summary"] as? [String: Any]
    }
}
