import CRevision
import Libevent

/// The program's version; the package file and the changelog name the same.
enum Version {
    static let current = "0.1.0"
    /// The commit that was built, in full; `make release` and the image's build tell it to the package.
    static let revision = String(cString: relay_revision())

    /// One line for each library whose version an operator may be asked for.
    static var text: String {
        """
        relay \(current)
        revision: \(revision)
        swift: \(swift)
        libevent: \(LibeventLog.libraryVersion)
        libcurl: \(CurlDeliverer.libraryVersion)
        sqlite: \(SQLiteConnection.libraryVersion)
        """
    }

    private static var swift: String {
        #if swift(>=6.4)
            "6.4 or later"
        #elseif swift(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }
}
