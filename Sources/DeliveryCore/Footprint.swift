/// The machine's memory use, for gauges and bound checks.
public struct Footprint: Sendable, Equatable {
    /// The largest number of rows in a queue.
    public var rows = 0
    /// The largest number of groups in a queue.
    public var groups = 0
    /// The largest number of follow-ups at a hook.
    public var followUps = 0
}

extension DeliveryMachine {
    public var footprint: Footprint {
        var footprint = Footprint()
        for queue in queues {
            footprint.rows = max(footprint.rows, queue.entries.count)
            footprint.groups = max(footprint.groups, queue.rooms.count)
        }
        for hook in hooks { footprint.followUps = max(footprint.followUps, hook.followUps.waiting.count) }
        return footprint
    }
}
