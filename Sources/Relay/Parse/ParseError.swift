/// Why a body can never be accepted; answered with 400.
struct ParseError: Error, Equatable {
    /// The label of `relay_payloads_rejected_total`.
    enum Reason: String, CaseIterable, Sendable {
        case invalidJSON
        case wrongShape
        case wrongVersion
        case duplicateKey
        case invalidTime
    }

    var reason: Reason
    /// What is wrong and where, in words for the sender; holds none of the body's values.
    var message: String
}
