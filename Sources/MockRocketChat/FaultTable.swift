/// The active faults.
struct FaultTable: Sendable {
    private(set) var faults: [Fault] = []

    /// Adds a fault. It replaces the fault for the same hook.
    mutating func put(_ fault: Fault) {
        faults.removeAll { $0.hook == fault.hook }
        faults.append(fault)
    }

    mutating func replaceAll(_ faults: [Fault]) {
        self.faults = []
        for fault in faults { put(fault) }
    }

    /// Returns the fault for a request and counts it: the hook's own fault, else the one for all hooks. Removes the
    /// fault after its last request.
    mutating func take(hook: String, body: [UInt8] = []) -> Fault {
        func index(_ name: String?) -> Int? { faults.firstIndex { $0.hook == name && $0.isFor(body) } }
        guard let index = index(hook) ?? index(nil) else { return Fault() }
        let fault = faults[index]
        faults[index].delay = min(fault.delay + fault.growth, Fault.longestDelay)
        if let times = fault.timesLeft {
            faults[index].timesLeft = times - 1
            if times <= 1 { faults.remove(at: index) }
            if times <= 0 { return take(hook: hook, body: body) }
        }
        return fault
    }

    /// The response to `GET /faults`: each fault as received, with the remaining `times`.
    var listing: JSONValue {
        .array(
            faults.map { fault in
                var members = fault.source.members ?? []
                members.removeAll { $0.name == "times" }
                if let times = fault.timesLeft { members.append(.init(name: "times", value: .number(times))) }
                return .object(members)
            })
    }
}

extension Fault {
    fileprivate func isFor(_ body: [UInt8]) -> Bool {
        guard let text, !text.isEmpty else { return true }
        guard body.count >= text.count else { return false }
        return (0...body.count - text.count).contains { body[$0...].starts(with: text) }
    }
}
