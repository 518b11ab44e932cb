import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay

@Suite
struct ServiceStatusTests {
    @Test func statusListsPendingNotificationsWorstFirst() {
        var snapshot = JournalSnapshot()
        #expect(ServiceStatus.line(snapshot) == "relaying; nothing pending")
        snapshot.pending = [.info: 3, .critical: 1, .warning: 0]
        #expect(ServiceStatus.line(snapshot) == "relaying; pending: 1 critical, 3 info")
    }

    @Test func statusStatesRefusalAndDegradation() {
        var snapshot = JournalSnapshot(state: .full(.diskFull))
        #expect(ServiceStatus.line(snapshot).hasPrefix("refusing webhooks, "))
        snapshot = JournalSnapshot(degraded: "3 damaged")
        #expect(ServiceStatus.line(snapshot) == "relaying, journal degraded; nothing pending")
    }
}
