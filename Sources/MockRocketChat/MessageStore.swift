/// The posted messages in order of arrival, and counts of all requests.
struct MessageStore: Sendable {
    private(set) var messages: [RecordedMessage] = []
    private var ids: Set<String> = []
    /// All requests to hooks.
    var requests = 0
    /// Requests answered with 429.
    var refused = 0
    /// Requests answered with another status outside 2xx, or not answered.
    var failed = 0
    /// How often the messages were deleted.
    private(set) var generation = 0

    var nextSequence: Int { messages.count + 1 }

    mutating func append(_ message: RecordedMessage, id: String) {
        messages.append(message)
        ids.insert(id)
    }

    /// Whether a message with this id was posted, so that it may be a thread's parent.
    func contains(id: String) -> Bool {
        ids.contains(id)
    }

    mutating func removeAll() {
        let next = generation + 1
        self = MessageStore()
        generation = next
    }

    /// Counts a request's response status; 0 for no response.
    mutating func count(status: Int) {
        switch status {
        case 200..<300: break
        case 429: refused += 1
        default: failed += 1
        }
    }

    // MARK: Listings

    /// The messages after a sequence number, oldest first.
    func messages(hook: String?, since: Int, limit: Int) -> [RecordedMessage] {
        let later = messages.dropFirst(max(0, since))
        guard let hook else { return Array(later.prefix(limit)) }
        return Array(later.lazy.filter { $0.hook == hook }.prefix(limit))
    }

    func list(hook: String? = nil, since: Int = 0, limit: Int = .max) -> [UInt8] {
        let chosen = messages(hook: hook, since: since, limit: limit)
        var output: [UInt8] = []
        output.reserveCapacity(chosen.reduce(3) { $0 + $1.json.count + 2 })
        output.append(UInt8(ascii: "["))
        for (index, message) in chosen.enumerated() {
            output += (index == 0 ? "\n" : ",\n").utf8
            output += message.json
        }
        output += "]\n".utf8
        return output
    }

    var counts: JSONValue {
        .object([
            "count": .number(messages.count), "refused": .number(refused), "failed": .number(failed),
            "requests": .number(requests), "generation": .number(generation),
        ])
    }
}
