public import Foundation

/// Paths in the repository.
public enum Checkout {
    public static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    /// The captured webhook bodies and other input.
    public static let fixtures = root.appending(path: "Tests/Fixtures")

    public static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
}
