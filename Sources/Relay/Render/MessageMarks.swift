/// What a message says of itself, beside its alerts.
struct MessageMarks: Sendable, Equatable {
    /// Why it is posted to another room than its own.
    enum Reroute: Sendable, Equatable {
        case hookDoesNotWork
        case roomRefusesIt
    }

    /// The severity or receiver in whose place it stands here.
    var rerouted: String?
    var reroute = Reroute.hookDoesNotWork
    /// When it was accepted, of a dead letter that was put back.
    var replayed: Timestamp?
    /// It was sent by hand to try a hook out.
    var isTest = false

    /// What follows the tier's word; empty where there is nothing to say.
    var words: String {
        var words = isTest ? " TEST" : ""
        if let rerouted {
            let why = reroute == .hookDoesNotWork ? "whose hook does not work" : "whose room refuses it"
            words += " (rerouted from \(rerouted), \(why))"
        }
        if let replayed { words += " (replayed, accepted \(replayed.day) \(replayed.clock) UTC)" }
        return words
    }
}
