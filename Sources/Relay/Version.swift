/// The program's version; the package file and the changelog name the same.
enum Version {
    static let current = "0.1.0"
}
