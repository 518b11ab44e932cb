/// The effects of a post's result on the hook and on the batch.
extension DeliveryMachine {
    mutating func ended(_ queue: QueueID, _ result: PostResult, at now: Instant) {
        let index = queue.index
        guard case .posting(let hook) = queues[index].work, let batch = queues[index].batch else { return }
        queues[index].work = .idle
        queues[index].batch = nil
        hooks[hook.index].turn = .free
        hooks[hook.index].limiter.finish(at: now, reachedServer: result.reachedServer)
        report(
            .posted(
                Attempt(
                    queue: queue, hook: hook, form: batch.form, part: batch.nextPart, entries: batch.entries.count,
                    number: queues[index].attempts, took: now - batch.postedAt, result: result)))
        if batch.isThreadCopy {
            copyEnded(batch, of: queue, result, at: now)
        } else {
            note(result, at: hook, postedAt: batch.postedAt, now)
            conclude(batch, of: queue, result, at: now)
        }
        queues[index].waitingSince = queues[index].entries.isEmpty && !queues[index].isBehind ? nil : now
    }

    // MARK: The hook

    /// Updates the hook's state with the result of a batch or a follow-up.
    mutating func note(_ result: PostResult, at hook: HookID, postedAt start: Instant, _ now: Instant) {
        let index = hook.index
        let before = hooks[index].health.state
        switch result {
        case .delivered:
            hooks[index].health.delivered()
            hooks[index].lastDuration = now - start
        case .refused: hooks[index].health.refused(at: now)
        case .throttled(let wait):
            let end = now + Self.clamped(wait)
            hooks[index].limiter.pause(until: end)
            hooks[index].health.throttled(from: start, until: end)
        case .notSent: hooks[index].heldUntil = max(hooks[index].heldUntil, now + settings.retryPause)
        case .failed, .suspicious, .hookBroken:
            hooks[index].health.failed(
                from: start, at: now, isBroken: result == .hookBroken, isSuspicious: result == .suspicious,
                using: &random)
        }
        if hooks[index].health.state != before { reportHealth(hook) }
    }

    private mutating func reportHealth(_ hook: HookID) {
        switch hooks[hook.index].health.state {
        case .working: report(.hookWorks(hook))
        case .throttled: report(.hookThrottled(hook))
        case .failing: report(.hookFailing(hook))
        case .broken: report(.hookBroken(hook))
        }
    }

    // MARK: The batch

    private mutating func conclude(_ batch: Batch, of queue: QueueID, _ result: PostResult, at now: Instant) {
        switch result {
        case .delivered(let messageID): finishPart(batch, of: queue, messageID: messageID, at: now)
        case .refused(let fix): refused(batch, of: queue, fix, at: now)
        case .notSent:
            unmark(batch, queue.index)
            queues[queue.index].reload()
        case .throttled:
            unmark(batch, queue.index)
            keepIfBegun(batch, queue.index)
        case .failed(maybeDelivered: true, _):
            if batch.form != .notice { mayShow(batch, queue.index) }
            failed(batch, queue.index)
        case .failed, .suspicious, .hookBroken:
            unmark(batch, queue.index)
            failed(batch, queue.index)
        }
    }

    private mutating func failed(_ batch: Batch, _ queue: Int) {
        queues[queue].search = nil
        noteVerdict(batch, queue, isRejection: false)
        keepIfBegun(batch, queue)
    }

    /// Keeps a batch that is partly delivered, so that its delivered parts are not repeated.
    private mutating func keepIfBegun(_ batch: Batch, _ queue: Int) {
        if batch.hasBegun, mayContinue(batch, queue) { queues[queue].batch = batch }
    }

    /// The queue still holds the batch's entries; a reload during the post drops them.
    private func mayContinue(_ batch: Batch, _ queue: Int) -> Bool {
        queues[queue].entries.first?.id == batch.entries.first?.id
    }

    private mutating func noteVerdict(_ batch: Batch, _ queue: Int, isRejection: Bool) {
        guard mayContinue(batch, queue) else { return }
        let epoch = hooks[batch.hook.index].health.epoch
        queues[queue].note(Verdict(hook: batch.hook, epoch: epoch, isRejection: isRejection))
    }

    /// Removes the mark after a post that was certainly not delivered.
    private mutating func unmark(_ batch: Batch, _ queue: Int) {
        guard batch.form != .notice, !batch.wasMarked, !batch.hasBegun else { return }
        queues[queue].removeMark(at: batch.hook)
    }

    // MARK: Delivered

    /// Called when the post of a thread copy has ended. The message itself is delivered, so the copy may fail.
    private mutating func copyEnded(_ batch: Batch, of queue: QueueID, _ result: PostResult, at now: Instant) {
        switch result {
        case .delivered, .throttled:
            note(result, at: batch.hook, postedAt: batch.postedAt, now)
            conclude(batch, of: queue, result, at: now)
        case .refused: finishPart(batch, of: queue, messageID: nil, at: now)
        case .notSent, .failed, .suspicious, .hookBroken:
            note(result, at: batch.hook, postedAt: batch.postedAt, now)
            finish(batch, of: queue, at: now)
            if result == .notSent { queues[queue.index].reload() }
        }
    }

    private mutating func finishPart(_ posted: Batch, of queue: QueueID, messageID: String?, at now: Instant) {
        let index = queue.index
        var batch = posted
        if batch.form == .notice { return noticeDelivered(batch, index) }
        if let messageID, batch.nextPart == 0, batch.entries.count == 1, let entry = batch.entries.first {
            queues[index].rooms.mayShowFiring(entry, in: batch.hook)
            queues[index].rooms.beginThread(messageID, of: entry.group, in: batch.hook)
        }
        batch.nextPart += 1
        if batch.nextPart < batch.parts {
            mayShow(batch, index)
            return keepIfBegun(batch, index)
        }
        finish(batch, of: queue, at: now)
    }

    /// Settles a batch that is delivered completely.
    mutating func finish(_ batch: Batch, of queue: QueueID, at now: Instant) {
        let index = queue.index
        if mayContinue(batch, index) { continueSearch(index, after: batch) }
        for entry in batch.entries { shows(entry, of: queue, in: batch.hook, at: now) }
        queues[index].rooms.trim(to: settings.groups)
        if let mark = queues[index].mark(at: batch.hook), let last = batch.entries.last, mark.through <= last.id {
            queues[index].removeMark(at: batch.hook)
        }
        settle(batch.entries.map(\.id), of: queue, .delivered)
        report(.delivered(queue, batch.hook, batch.entries.map(\.id), batch.form))
    }

    private mutating func noticeDelivered(_ batch: Batch, _ queue: Int) {
        if mayContinue(batch, queue) { continueSearch(queue, after: batch) }
    }

    /// Advances the search after a delivery. Copies `setbacks`, so that this delivery does not void the search when it
    /// changes the hook's state to working.
    private mutating func continueSearch(_ queue: Int, after batch: Batch) {
        guard var search = queues[queue].search?.afterDelivery(of: batch) else { return queues[queue].search = nil }
        search.setbacks = hooks[batch.hook.index].health.setbacks
        queues[queue].search = search
    }

    // MARK: Refused

    private mutating func refused(_ batch: Batch, of queue: QueueID, _ fix: Fix?, at now: Instant) {
        let index = queue.index
        let mark = queues[index].mark(at: batch.hook)
        // The same entries in the same form were posted before: that post was refused as well.
        if !batch.wasMarked || batch.form == mark?.form || batch.form == .plain, batch.form != .notice, !batch.hasBegun
        {
            queues[index].removeMark(at: batch.hook)
        }
        guard mayContinue(batch, index) else { return }
        let isNoticed = queues[index].search?.isNoticed ?? false
        let setbacks = hooks[batch.hook.index].health.setbacks
        switch Search.step(after: batch, fix, isNoticed: isNoticed, setbacks: setbacks) {
        case .advance(let search):
            let isSuspect = hasRejection(queues[index])
            // An entry that another room rejected is posted alone.
            queues[index].search = isSuspect && search.size < search.range ? nil : search
            if search.size < search.range { report(.bisecting(queue, batch.hook, entries: search.range)) }
        case .rejected:
            queues[index].search = nil
            noteVerdict(batch, index, isRejection: true)
            if let first = batch.entries.first { report(.rejected(queue, batch.hook, first.id)) }
        case .hookBroken:
            note(.hookBroken, at: batch.hook, postedAt: batch.postedAt, now)
            failed(batch, index)
        }
    }
}

extension PostResult {
    /// The server may have counted the post.
    var reachedServer: Bool {
        switch self {
        case .notSent: false
        case .failed(_, let reachedServer): reachedServer
        case .delivered, .throttled, .suspicious, .hookBroken, .refused: true
        }
    }
}
