import Testing

/// The structure of the sources: each C library behind one module or stage, no Foundation, small files.
@Suite
struct ImportTests {
    /// Where each C module may be imported: prefixes of paths under `Sources/`.
    static let allowedFolders: [String: [String]] = [
        "CCrypt": ["Relay/Authenticate/"],
        "CCrypto": ["Alerts/", "Relay/Authenticate/"],
        "CLibcurl": ["Posting/"],
        "CLibdeflate": ["PostgreSQLJournal/", "SQLiteJournal/"],
        "CLibevent": ["Libevent/"],
        "CLinux": ["Relay/ServiceManager/"],
        "CMustache": ["RocketChat/Template/"],
        "CPostgreSQL": ["PostgreSQLJournal/"],
        "CRE2": ["Alerts/"],
        "CRevision": ["Relay/Relay.swift"],
        "CSQLite": ["SQLiteJournal/"],
        "CSimdjson": ["Alerts/", "Relay/Listen/"],
        "CYaml": ["Relay/Configuration/"],
        "CZlib": ["Relay/Listen/"],
    ]

    /// Each of these brings all of Foundation and ICU into the program; FoundationEssentials does not.
    static let heavyModules: Set<String> = [
        "Foundation", "FoundationInternationalization", "FoundationNetworking", "FoundationXML",
    ]

    /// The files of the relay that may import a target: one makes targets, one prints their messages, one compiles
    /// their templates, and one receives commands from their rooms.
    static let targetFiles: Set<String> = [
        "Relay/ChatOps/ChatOpsEndpoint.swift", "Relay/Commands/RenderCommand.swift",
        "Relay/Configuration/PostingSettings.swift", "Relay/Configuration/TemplateReader.swift",
    ]

    static let lineLimit = 300

    @Test func everyCModuleIsImportedOnlyWhereItBelongs() throws {
        for file in try SourceFile.all(withExtensions: ["swift"]) {
            #expect(Self.misplacedImports(in: file).isEmpty, "\(file.path) imports a C module that is not its own")
        }
    }

    @Test func everyCModuleHasAllowedFolders() throws {
        #expect(try SourceFile.cModules() == Set(Self.allowedFolders.keys))
    }

    @Test func targetIsImportedOnlyWhereItIsMade() throws {
        let files = try SourceFile.all(withExtensions: ["swift"]).filter {
            $0.path.hasPrefix("Relay/") && $0.importedModules.contains("RocketChat")
        }
        #expect(Set(files.map(\.path)) == Self.targetFiles)
    }

    @Test func nothingImportsFoundation() throws {
        for file in try SourceFile.all(withExtensions: ["swift"]) {
            let heavy = file.importedModules.filter(Self.heavyModules.contains)
            #expect(heavy.isEmpty, "\(file.path) imports Foundation")
        }
    }

    @Test func noFileIsLong() throws {
        for file in try SourceFile.all(withExtensions: ["swift", "c", "cc", "cpp", "h"]) {
            #expect(file.lineCount <= Self.lineLimit, "\(file.path) has \(file.lineCount) lines")
        }
    }

    // MARK: The helpers

    @Test func sourcesAreFound() throws {
        let paths = try SourceFile.all(withExtensions: ["swift"]).map(\.path)
        #expect(paths.contains("Relay/Relay.swift"))
        #expect(paths.contains("Support/Locked.swift"))
    }

    @Test(arguments: [
        ("import CLibevent", "CLibevent"),
        ("@preconcurrency internal import CLibevent", "CLibevent"),
        ("private import struct CLibevent.timeval", "CLibevent"),
        ("    import func Foundation.exp  // why", "Foundation"),
        ("public import Foundation.NSDate;", "Foundation"),
    ])
    func importIsDetectedInEveryForm(line: String, module: String) {
        let file = SourceFile(path: "Relay/A.swift", text: "import Glibc\n\(line)\nstruct A {}\n")
        #expect(file.importedModules == ["Glibc", module])
    }

    @Test(arguments: [
        "// import Foundation", "/// import CLibevent", "let text = \"import Foundation\"", "#if canImport(Foundation)",
        "important()", "import FoundationEssentials",
    ])
    func otherLinesAreNotImports(line: String) {
        let file = SourceFile(path: "Relay/A.swift", text: line)
        #expect(file.importedModules.filter(Self.heavyModules.contains).isEmpty)
        #expect(Self.misplacedImports(in: file).isEmpty)
    }

    @Test(arguments: [
        ("Relay/App.swift", "CLibevent"), ("MockRocketChat/Page.swift", "CLibevent"),
        ("RocketChat/Render/Text.swift", "CLibcurl"), ("Journaling/Reader.swift", "CSQLite"),
        ("Libevent/Alerts/A.swift", "CSimdjson"), ("Libevent/EventLoop.swift", "CZlib"),
    ])
    func importOutsideItsFoldersIsMisplaced(path: String, module: String) {
        #expect(Self.misplacedImports(in: SourceFile(path: path, text: "import \(module)\n")) == [module])
    }

    @Test(arguments: [("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n", 2)])
    func linesAreCountedAsEditorsDo(text: String, count: Int) {
        #expect(SourceFile(path: "A.swift", text: text).lineCount == count)
    }

    /// The project's C modules that a file imports outside their allowed folders.
    private static func misplacedImports(in file: SourceFile) -> [String] {
        file.importedModules.filter { module in
            guard let allowed = allowedFolders[module] else { return false }
            return !allowed.contains { file.path.hasPrefix($0) }
        }
    }
}
