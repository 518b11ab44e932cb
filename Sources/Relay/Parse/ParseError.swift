/// Why a webhook body is refused: the sender gets the message with a 400, the metric the reason.
struct ParseError: Error, Equatable {
    /// The values of `relay_payloads_rejected_total{reason}` that parsing gives.
    enum Reason: String, CaseIterable, Sendable {
        case empty
        case invalidUTF8
        case invalidJSON
        /// More than 64 arrays and objects inside one another.
        case tooDeep
        case notAnObject
        /// Neither `version` nor `alerts`: a templated `payload:` or something else altogether.
        case notAWebhook
        case wrongVersion
        case missingField
        case wrongType
        case wrongValue
        case duplicateName
        /// More than 65,536 alerts, or 524,288 labels and annotations.
        case tooMany
        /// What one webhook would leave on disk for all its destinations is more than `WebhookParser.partsLimit`.
        case tooManyCopies
        /// Not the sender's fault and no reason for a 400: the same body may pass later (503).
        case outOfMemory
    }

    var reason: Reason
    /// What is wrong and where, for a person, in one line; quotes only the beginning of a value.
    var message: String
}
