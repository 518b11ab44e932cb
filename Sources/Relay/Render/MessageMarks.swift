/// What a message says about its own way to the room.
struct MessageMarks: Sendable, Equatable {
    /// The severity in whose place it stands here, since that one's hook does not work.
    var rerouted: String?
    /// It was sent by hand to try a hook out.
    var isTest = false

    /// What follows the tier's word; empty where there is nothing to say.
    var words: String {
        (isTest ? " TEST" : "") + (rerouted.map { " (rerouted from \($0), whose hook does not work)" } ?? "")
    }
}
