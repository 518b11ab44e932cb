/// What the machine holds in memory, for gauges and for the check of its bounds.
public struct Footprint: Sendable, Equatable {
    /// Rows of the queue that holds most.
    public var rows = 0
    /// Groups of the queue that remembers most.
    public var groups = 0
    /// Follow-ups of the hook where most wait.
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
