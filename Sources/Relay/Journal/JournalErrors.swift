/// Why a storage engine could not do what was asked. Nothing of the transaction is stored, unless it says otherwise.
enum JournalStoreError: Error, Equatable {
    case full(FullReason)
    /// The engine is not to be used again; what the transaction held may or may not be found at the next start.
    case broken(String)
}

/// Why the journal cannot be opened.
enum JournalOpenError: Error, Equatable {
    /// Another process works on this spool; its id where the lock file tells.
    case locked(folder: String, process: Int32?)
    /// Written by a later version of the relay; the file is left as it is.
    case newerSchema(path: String, found: Int, known: Int)
    /// A database that is none of ours; the file is left as it is.
    case foreign(path: String)
    case unusable(path: String, reason: String)
    /// Somebody else could put files of theirs in the spool's place.
    case insecure(path: String, reason: String)

    /// To try again changes nothing before a person has.
    var needsPerson: Bool {
        switch self {
        case .newerSchema, .foreign, .insecure: true
        case .locked, .unusable: false
        }
    }
}

extension JournalOpenError: CustomStringConvertible {
    var description: String {
        switch self {
        case .locked(let folder, let process?):
            "the spool in \(folder) is in use by process \(process)"
        case .locked(let folder, nil):
            "the spool in \(folder) is in use by another process"
        case .newerSchema(let path, let found, let known):
            "\(path) has schema version \(found), written by a later relay; this one knows versions up to \(known)"
        case .foreign(let path):
            "\(path) is a database of another program"
        case .unusable(let path, let reason):
            "\(path) cannot be used: \(reason)"
        case .insecure(let path, let reason):
            "\(path) is not used: \(reason)"
        }
    }
}
