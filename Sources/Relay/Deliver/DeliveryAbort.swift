import Synchronization

/// A switch, thrown once, that cuts the posts under way and refuses new ones: a drain deadline has passed.
///
/// A post notices it within about a second.
final class DeliveryAbort: Sendable {
    private let isThrown = Atomic(false)

    var isAborted: Bool { isThrown.load(ordering: .relaxed) }

    func abort() {
        isThrown.store(true, ordering: .relaxed)
    }
}
