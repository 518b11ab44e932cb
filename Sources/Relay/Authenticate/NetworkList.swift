/// Networks of which an address may be in any.
struct NetworkList: Sendable, Hashable {
    private let networks: [IPNetwork]

    init(_ networks: [IPNetwork] = []) {
        self.networks = networks
    }

    /// Throws what is wrong with the first text that is no network.
    init(_ texts: [String]) throws(IPNetworkError) {
        var networks: [IPNetwork] = []
        for text in texts { networks.append(try IPNetwork(text)) }
        self.init(networks)
    }

    var isEmpty: Bool { networks.isEmpty }

    func contains(_ address: IPAddress) -> Bool {
        networks.contains { $0.contains(address) }
    }
}
