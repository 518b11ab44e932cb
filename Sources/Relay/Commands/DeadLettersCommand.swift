import ArgumentParser
import Glibc
import Logging

/// `relay dead-letters`: what was given up, and what becomes of it.
struct DeadLettersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "Look at what could not be delivered, and send or drop it.",
        discussion: """
            Works on a running relay through its control socket, and on the spool itself where none runs. Run it as the
            user that the relay runs as.

              relay dead-letters list
              relay dead-letters show 4712
              relay dead-letters replay --all
            """,
        subcommands: [List.self, Show.self, Replay.self, Drop.self])

    struct Options: ParsableArguments {
        @Option(name: .customLong("storage.path"), help: "The folder of the spool (RELAY_STORAGE_PATH).")
        var storagePath: String?

        @Option(name: .customLong("config.file"), help: "The configuration file, YAML (RELAY_CONFIG).")
        var configFile: String?

        @Flag(help: "Print JSON.")
        var json = false

        func carryOut(_ request: DeadLetterRequest) throws {
            let reply = try reply(request)
            StandardStreams.print(reply.output)
            for problem in reply.problems { StandardStreams.complain(problem) }
            if !reply.problems.isEmpty { throw ExitCode(1) }
        }

        private func reply(_ request: DeadLetterRequest) throws -> DeadLetterReply {
            let (configuration, problems) = ConfigurationOptions.withoutSecrets(
                file: configFile, flags: ["RELAY_STORAGE_PATH": storagePath])
            let folder = configuration.storagePath
            do {
                if let reply = try ControlClient(folder: folder).ask(request, asJSON: json) { return reply }
                return try onFile(folder, request)
            } catch {
                // They matter where the folder is the wrong one for their sake.
                for problem in problems { StandardStreams.complain("\(problem)") }
                StandardStreams.complain("\(error)")
                throw ExitCode(1)
            }
        }

        /// No relay answers: the spool is opened, which its lock makes safe.
        private func onFile(_ folder: String, _ request: DeadLetterRequest) throws -> DeadLetterReply {
            try Self.findSpool(in: folder)
            do throws(JournalOpenError) {
                let journal = try Journal<Never>(
                    opening: SQLiteJournalStore(SpoolSettings(folder: folder)), onFailure: { _ in },
                    acknowledge: { _ in })
                defer { journal.close() }
                return DeadLetterDesk(journal: journal) { _ in }.carryOut(request, asJSON: json)
            } catch .locked(let folder, let process) {
                let lock = JournalOpenError.locked(folder: folder, process: process)
                throw ControlError(
                    description: "\(lock), which takes no commands now: it starts, stops, or has no control socket, "
                        + "of which its log tells")
            }
        }

        private static func findSpool(in folder: String) throws(ControlError) {
            guard access(folder + "/spool.db", F_OK) != 0 else { return }
            if errno == ENOENT || errno == ENOTDIR {
                throw ControlError(description: "there is no spool in \(folder); name its folder with --storage.path")
            }
            throw ControlError(
                description: "the spool in \(folder) cannot be reached: \(String(cString: strerror(errno))); "
                    + "run this as the user that the relay runs as")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the dead letters, oldest first.")
        @OptionGroup var options: Options

        func run() throws { try options.carryOut(.list) }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one dead letter and its alerts.")
        @OptionGroup var options: Options
        @Argument(help: "The id that list prints.") var id: LetterID

        func run() throws { try options.carryOut(.show(id.id)) }
    }

    struct Replay: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Send dead letters again, in the order named.")
        @OptionGroup var options: Options
        @Flag(help: "All of them.") var all = false
        @Argument(help: "The ids that list prints.") var ids: [LetterID] = []

        func validate() throws {
            guard all == ids.isEmpty else { throw ValidationError("name dead letters, or give --all") }
        }

        func run() throws { try options.carryOut(.replay(all ? .all : .some(ids.map(\.id)))) }
    }

    struct Drop: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete dead letters for good.")
        @OptionGroup var options: Options
        @Argument(help: "The ids that list prints.") var ids: [LetterID]

        func run() throws { try options.carryOut(.drop(ids.map(\.id))) }
    }

    /// An id as the command line carries it.
    struct LetterID: ExpressibleByArgument {
        var id: JournalID

        init?(argument: String) {
            guard let id = JournalID(argument), id.rawValue > 0 else { return nil }
            self.id = id
        }
    }
}
