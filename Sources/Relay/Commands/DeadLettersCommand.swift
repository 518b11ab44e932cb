import ArgumentParser
import Journaling

/// `relay dead-letters`: lists, shows, replays and drops undelivered notifications.
struct DeadLettersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "List, show, replay and drop undelivered notifications.",
        discussion: """
            Uses the control socket of a running relay. If no relay runs, opens the spool directly. Run it as the user
            of the relay.

              relay dead-letters list
              relay dead-letters show 4712
              relay dead-letters replay --all
              relay dead-letters list --json | jq -r '.[].id' | relay dead-letters drop -
            """,
        subcommands: [List.self, Show.self, Replay.self, Drop.self])

    struct Options: ParsableArguments {
        @OptionGroup var control: ControlOptions

        func execute(_ request: DeadLetterRequest) throws {
            try control.execute(request.onSocket(asJSON: control.json)) { journal in
                DeadLetterService(journal: journal) { _ in }
            }
        }

        func list() throws {
            try control.printPages { after in
                DeadLetterRequest.list(after: after.flatMap { JournalID($0) }).onSocket(asJSON: control.json)
            } on: { journal in
                DeadLetterService(journal: journal) { _ in }
            }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the dead letters, oldest first.")
        @OptionGroup var options: Options

        func run() throws { try options.list() }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one dead letter and its alerts.")
        @OptionGroup var options: Options
        @Argument(help: "An ID from list.") var id: LetterID

        func run() throws {
            guard let id = id.id else { throw ValidationError("give one dead letter ID") }
            try options.execute(.show(id))
        }
    }

    struct Replay: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Queue dead letters for delivery again, in the given order.",
            discussion: """
                The message states when the notification was accepted. An alert is posted as
                resolved if the room was shown since then that it is resolved.
                """)
        @OptionGroup var options: Options
        @Flag(help: "Replay all dead letters.") var all = false
        @Flag(help: "Post alerts as firing even if the room was shown since that they are resolved.") var force = false
        @Argument(help: LetterID.severalHelp) var ids: [LetterID] = []

        func validate() throws {
            guard all == ids.isEmpty else { throw ValidationError("give dead letter IDs or --all") }
        }

        func run() throws {
            try options.execute(.replay(all ? .all : .some(LetterID.named(by: ids)), isForced: force))
        }
    }

    struct Drop: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete dead letters permanently.")
        @OptionGroup var options: Options
        @Argument(help: LetterID.severalHelp) var ids: [LetterID]

        func run() throws { try options.execute(.drop(LetterID.named(by: ids))) }
    }

    /// An ID argument, or a hyphen for IDs on standard input. A command line holds only a few thousand IDs and is slow
    /// to parse.
    struct LetterID: ExpressibleByArgument {
        static let severalHelp = ArgumentHelp("IDs from list; - reads them from standard input.")

        /// Nil for a hyphen.
        var id: JournalID?

        init?(argument: String) {
            if argument == "-" { return }
            guard let id = Self.id(argument) else { return nil }
            self.id = id
        }

        /// The IDs of all arguments, in order. Standard input is read before the spool is opened: its writer may be
        /// another command on the same spool.
        static func named(by ids: [LetterID]) throws -> [JournalID] {
            guard let hyphen = ids.firstIndex(where: { $0.id == nil }) else { return ids.compactMap(\.id) }
            do throws(ControlError) {
                let input = try parse(StandardStreams.read("-", limit: ControlListener.requestLimit))
                return ids[..<hyphen].compactMap(\.id) + input + ids[hyphen...].compactMap(\.id)
            } catch {
                StandardStreams.complain("standard input: \(error)")
                throw ExitCode(1)
            }
        }

        /// - Parameter text: IDs separated by white space.
        private static func parse(_ text: [UInt8]) throws(ControlError) -> [JournalID] {
            var ids: [JournalID] = []
            for (number, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                .enumerated()
            {
                for word in String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace) {
                    guard let id = id(String(word)) else {
                        throw ControlError(description: "line \(number + 1): '\(word.prefix(40))' is no id")
                    }
                    ids.append(id)
                }
            }
            guard !ids.isEmpty else { throw ControlError(description: "it names no dead letter") }
            return ids
        }

        private static func id(_ text: String) -> JournalID? {
            JournalID(text).flatMap { $0.rawValue > 0 ? $0 : nil }
        }
    }
}
