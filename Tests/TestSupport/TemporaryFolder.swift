import Foundation

/// A new folder that is deleted with this object.
public final class TemporaryFolder: Sendable {
    public let path: String

    /// - Parameter parent: the parent folder; nil for the system's temporary folder.
    public init(in parent: String? = nil) {
        let base = parent ?? FileManager.default.temporaryDirectory.path
        path = base + "/relay-test-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// Polls the condition every 10 ms until it is true or the time is over. Returns whether it is true.
public func eventually(within seconds: Double = 30, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
        if try condition() { return true }
        poll(nil, 0, 10)
    }
    return try condition()
}
