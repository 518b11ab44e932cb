import Foundation

/// A folder of its own that is deleted with this object.
public final class TemporaryFolder: Sendable {
    public let path: String

    /// - Parameter parent: where it is made; the system's place for temporary files where nil.
    public init(in parent: String? = nil) {
        let base = parent ?? FileManager.default.temporaryDirectory.path
        path = base + "/relay-test-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// Asks again and again, a few milliseconds apart, until the answer is yes or the time is over.
public func eventually(within seconds: Double = 30, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
        if try condition() { return true }
        poll(nil, 0, 10)
    }
    return try condition()
}
