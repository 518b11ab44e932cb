/// The faults in force.
struct FaultTable: Sendable {
    private(set) var faults: [Fault] = []

    /// Puts a fault in place of the one for the same hook.
    mutating func put(_ fault: Fault) {
        faults.removeAll { $0.hook == fault.hook }
        faults.append(fault)
    }

    mutating func replaceAll(_ faults: [Fault]) {
        self.faults = []
        for fault in faults { put(fault) }
    }

    /// The fault that a request meets, the hook's own before the one for all; it heals with its last time.
    mutating func take(hook: String) -> Fault {
        guard let index = faults.firstIndex(where: { $0.hook == hook }) ?? faults.firstIndex(where: { $0.hook == nil })
        else { return Fault() }
        let fault = faults[index]
        faults[index].delay += fault.growth
        if let times = fault.timesLeft {
            faults[index].timesLeft = times - 1
            if times <= 1 { faults.remove(at: index) }
            if times <= 0 { return take(hook: hook) }
        }
        return fault
    }

    /// For `GET /faults`: each as it was put, with the times that are left.
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
