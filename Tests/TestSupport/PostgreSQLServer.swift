import Foundation
package import PostgreSQLJournal
import Support

/// The PostgreSQL programs of Debian's package.
package enum PostgreSQLPrograms {
    /// The folder of the newest installed version; nil if there is none.
    static let folder: String? = {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return versions.compactMap(Int.init).sorted().last.map { "\(root)/\($0)/bin" }
    }()

    /// The user that runs the servers, which refuse root: the package's if the tests run as root.
    static let user = geteuid() == 0 ? getpwnam("postgres").map { ($0.pointee.pw_uid, $0.pointee.pw_gid) } : nil

    package static let areUsable = folder != nil && (geteuid() != 0 || user != nil)

    /// A command line that runs a program as that user.
    static func command(_ name: String, _ arguments: [String]) -> [String] {
        let path = (folder ?? "") + "/" + name
        guard let user else { return [path] + arguments }
        return ["setpriv", "--reuid=\(user.0)", "--regid=\(user.1)", "--clear-groups", path] + arguments
    }

    static func run(_ command: [String]) throws {
        let program = try Program(command[0], Array(command.dropFirst()))
        guard program.exitCode(within: 60) == 0 else { throw Program.Failure.notStarted(program.output) }
    }
}

/// A server that a test starts, on a Unix socket in a temporary folder, with fsync on.
package final class PostgreSQLServer: Sendable {
    package static let password = "s3cret/pass word"
    private let folder: TemporaryFolder
    private let program = Locked<(server: Program, input: FileHandle)?>(nil)
    package let name: String
    /// Nil if the server listens on its socket only.
    package let port: UInt16?
    private let options: [String: String]

    /// A data folder that each server copies. It is made once, because that takes seconds.
    private static let template = Result { try makeTemplate() }
    /// Deletes the template when the test's process ends.
    private static let janitor = Locked<(Program, FileHandle)?>(nil)

    private static func makeTemplate() throws -> TemporaryFolder {
        let folder = TemporaryFolder()
        let pipe = Pipe()
        let program = try Program(
            "bash", ["-c", #"read -r; rm -rf "$1""#, "bash", folder.path],
            input: pipe.fileHandleForReading.fileDescriptor)
        janitor.withLock { $0 = (program, pipe.fileHandleForWriting) }
        try "\(password)\n".write(toFile: folder.path + "/password", atomically: true, encoding: .utf8)
        own(folder.path)
        own(folder.path + "/password")
        try PostgreSQLPrograms.run(
            PostgreSQLPrograms.command(
                "initdb",
                [
                    "--pgdata=\(folder.path)/data", "--username=relay", "--encoding=UTF8", "--no-locale", "--no-sync",
                    "--wal-segsize=1", "--auth-local=trust", "--auth-host=scram-sha-256",
                    "--pwfile=\(folder.path)/password",
                ]))
        return folder
    }

    private static func own(_ path: String) {
        if let user = PostgreSQLPrograms.user { chown(path, user.0, user.1) }
    }

    /// Starts a server.
    ///
    /// - Parameters:
    ///   - primary: the server that it follows as a standby under its name.
    ///   - options: settings beside the defaults.
    ///   - parent: the folder for its files; nil for the system's temporary folder.
    package init(
        _ name: String = "single", following primary: PostgreSQLServer? = nil, listens: Bool = false,
        options: [String: String] = [:], in parent: String? = nil
    ) throws {
        self.name = name
        port = listens ? try Self.freePort() : nil
        folder = TemporaryFolder(in: parent)
        Self.own(folder.path)
        let template = try Self.template.get()
        try PostgreSQLPrograms.run(["cp", "-a", template.path + "/data", folder.path + "/data"])
        var options = options
        if let primary {
            options["primary_conninfo"] = "host=\(primary.socketFolder) user=relay application_name=\(name)"
            try "".write(toFile: folder.path + "/data/standby.signal", atomically: true, encoding: .utf8)
            Self.own(folder.path + "/data/standby.signal")
        }
        self.options = options
        try start()
    }

    deinit { stop() }

    package var socketFolder: String { folder.path }
    package var dataFolder: String { folder.path + "/data" }
    package var output: String { program.withLock { $0?.server.output } ?? "" }

    /// A connection string over the socket.
    package var address: String { address(as: "relay") }

    package func address(as role: String) -> String {
        "host=\(socketFolder) port=\(port ?? 5432) user=\(role) dbname=postgres"
    }

    /// Ends the server as a crash does on a line of its input. At the input's end, which the end of the test's process
    /// causes in whatever way, it also deletes the folder.
    private static let supervisor = #"""
        folder=$1 && shift
        "$@" & server=$!
        read -r && shall_keep=1
        kill -QUIT "$server"
        wait "$server"
        [ -n "$shall_keep" ] || rm -rf "$folder"
        """#

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return try Loopback.bindToFreePort(descriptor)
    }

    /// - Parameter changes: settings that differ from those of the first start.
    package func start(_ changes: [String: String] = [:]) throws {
        var settings = [
            "unix_socket_directories": socketFolder, "listen_addresses": port == nil ? "" : "127.0.0.1",
            "port": "\(port ?? 5432)", "shared_buffers": "16MB", "fsync": "on",
            "dynamic_shared_memory_type": "mmap", "wal_receiver_status_interval": "1s",
            "wal_retrieve_retry_interval": "100ms",
            "max_wal_size": "64MB", "min_wal_size": "8MB", "wal_keep_size": "64MB", "autovacuum_naptime": "5s",
        ]
        settings.merge(options.merging(changes) { $1 }) { $1 }
        let arguments = ["-D", dataFolder] + settings.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0)=\($1)"] }
        let pipe = Pipe()
        let server = try Program(
            "bash",
            ["-c", Self.supervisor, "bash", folder.path]
                + PostgreSQLPrograms.command("postgres", arguments),
            environment: ["LC_ALL": "C"], input: pipe.fileHandleForReading.fileDescriptor)
        program.withLock { $0 = (server, pipe.fileHandleForWriting) }
        var problem = ""
        let isUp = eventually {
            do { _ = try connect() } catch {
                problem = "\(error)"
                return !server.isRunning
            }
            return true
        }
        guard isUp, server.isRunning else {
            throw Program.Failure.notStarted("\(problem): " + server.output.suffix(1500))
        }
    }

    /// Ends the server as a crash does, and waits for its processes.
    package func stop() {
        let running = program.withLock { program in
            defer { program = nil }
            return program
        }
        guard let running else { return }
        try? running.input.write(contentsOf: [0x0A])
        if running.server.exitCode(within: 20) == nil { running.server.killNow() }
    }

    /// Makes a standby the primary.
    package func promote() throws {
        _ = try admin("SELECT pg_promote(true, 30)")
    }

    package func connect(_ extra: String = "target_session_attrs=any") throws -> PostgreSQLConnection {
        try PostgreSQLConnection(PostgreSQLServers(Secret(address + " " + extra)), within: .seconds(10))
    }

    /// Runs a statement as the owner. Returns the first column of the first row as text.
    @discardableResult
    package func admin(_ sql: String, _ parameters: [PostgreSQLValue] = []) throws -> String? {
        let connection = try connect()
        let rows = try connection.query(sql, parameters, within: .seconds(20))
        return rows.count > 0 ? rows.text(0, 0) : nil
    }
}

/// The servers that all tests share; each test has its own schema.
package enum SharedServer {
    private static let single = Result { try PostgreSQLServer(listens: true) }

    package static func get() throws -> PostgreSQLServer { try single.get() }
}

/// A primary with two standbys, one of which must have a transaction before it is acknowledged.
package struct PostgreSQLCluster {
    package let primary: PostgreSQLServer
    package let standbys: [PostgreSQLServer]

    package init() throws {
        let options = ["synchronous_standby_names": "ANY 1 (one, two)"]
        let primary = try PostgreSQLServer("primary", options: options)
        self.primary = primary
        standbys = try ["one", "two"].map { try PostgreSQLServer($0, following: primary, options: options) }
        guard try eventually({ try primary.streaming() == 2 }) else {
            throw Program.Failure.notStarted(standbys.map(\.output).joined())
        }
    }

    package var address: String {
        let hosts = ([primary] + standbys).map(\.socketFolder).joined(separator: ",")
        return "host=\(hosts) user=relay dbname=postgres"
    }
}

extension PostgreSQLServer {
    /// The number of standbys that follow this server.
    package func streaming() throws -> Int {
        try admin("SELECT count(*)::text FROM pg_stat_replication WHERE state = 'streaming'").flatMap(Int.init) ?? 0
    }
}

/// A schema of its own, migrated.
package struct TestSchema {
    package let server: PostgreSQLServer
    package let schema: DatabaseSchema

    package init(on server: PostgreSQLServer, migrates: Bool = true) throws {
        self.server = server
        let name = "t" + UUID().uuidString.lowercased().filter { $0 != "-" }
        schema = try DatabaseSchema(name: name) ?? { throw Program.Failure.notFound(name) }()
        if migrates { try journal().migrate() }
    }

    /// A journal over a new connection.
    package func journal(
        requiresStandbys: Bool = false, patience: Duration = .seconds(20), at address: String? = nil
    ) throws -> DatabaseJournal {
        let servers = try PostgreSQLServers(Secret(address ?? server.address))
        return DatabaseJournal(
            try PostgreSQLConnection(servers, within: .seconds(10)), schema, requiresStandbys: requiresStandbys,
            patience: patience)
    }
}
