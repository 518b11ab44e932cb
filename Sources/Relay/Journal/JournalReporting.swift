/// Where the journal's queue tells what happened.
struct JournalReporting<Ticket: Sendable>: Sendable {
    var observer: (any JournalObserver)?
    var now: @Sendable () -> Timestamp
    var onFailure: @Sendable (String) -> Void
    var acknowledge: @Sendable ([Journal<Ticket>.Acknowledgement]) -> Void
}
