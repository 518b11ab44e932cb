import Alerts
import ArgumentParser
import Journaling

/// `relay pending`: prints what waits for delivery.
struct PendingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pending", abstract: "Print what waits for delivery, for which room, since when and why.",
        discussion: """
            Uses the control socket of a running relay. If no relay runs, reads the spool, which knows no states of hooks.
            Run it as the user of the relay.
            """)

    @OptionGroup var control: ControlOptions

    func run() throws {
        var request = PendingService<Never>.request
        request.asJSON = control.json
        try control.execute(request) { journal in
            PendingService(
                journal: journal, status: { DeliveryStatus(stopped: journal.snapshot, at: .now()) },
                // The start of the relay records crashes; this command does not read them.
                isSuspect: { _ in false })
        }
    }
}
