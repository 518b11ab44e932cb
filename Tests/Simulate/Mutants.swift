/// A change to one line of the machine. At least one schedule must detect it.
struct Mutant {
    let name: String
    let file: String
    /// Text that occurs once in the file. The part between « and » is replaced, or the entire text without these marks.
    let original: String
    let replacement: String
    /// The replaced part is a statement, not an expression.
    var isStatement = false

    private static func value(_ name: String, _ file: String, _ original: String, _ replacement: String) -> Mutant {
        Mutant(name: name, file: file + ".swift", original: original, replacement: replacement)
    }

    private static func statement(_ name: String, _ file: String, _ original: String, _ new: String = "") -> Mutant {
        Mutant(name: name, file: file + ".swift", original: original, replacement: new, isStatement: true)
    }

    private static let machine = "DeliveryMachine"
    private static let batches = "DeliveryMachine+Batches"
    private static let results = "DeliveryMachine+Results"
    private static let routes = "DeliveryMachine+Routes"
    private static let turns = "DeliveryMachine+Turns"
    private static let tenure = "DeliveryMachine+Tenure"
    private static let followUps = "DeliveryMachine+FollowUps"

    static let all: [Mutant] = [
        // The faults of the code that the machine replaced, and an obvious but wrong repair.
        value(
            "fault 1: a rerouted queue is never woken", machine, "guard «queue.isIdle»,",
            "queue.isIdle && queue.reroutedTo == nil"),
        statement(
            "fault 1: only the event's queue is woken", machine,
            "handle(event, at: now)\n        «advance(at: now)»",
            """
            let mine: QueueID? =
                switch event {
                case .available(let queue, _), .loaded(let queue, _), .composed(let queue, _, _, _, _, _),
                    .ended(let queue, _):
                    queue
                default: nil
                }
            let pauses = queues.map(\\.pausedUntil)
            let others = queues.indices.filter { mine != nil && $0 != mine?.index }
            for other in others { queues[other].pausedUntil = .distantFuture }
            advance(at: now)
            for other in others { queues[other].pausedUntil = pauses[other] }
            """),
        statement(
            "fault 2: an unknown refusal dead-letters at once", results,
            "«guard mayContinue(batch, index) else { return }»\n        let isNoticed",
            """
            guard mayContinue(batch, index) else { return }
            if fix == nil, batch.entries.count == 1 {
                return settle(batch.entries.map(\\.id), of: queue, .dead(.refused))
            }
            """),
        value(
            "fault 2: the other room is not asked", routes,
            "«queues[queue].plan.routes.allSatisfy({ wasAsked($0, queues[queue], at: now) })»", "true"),
        value("fault 2: refused without a notice", "Batch", "if «isNoticed» {", "true"),
        value(
            "fault 3: the batch goes with the poison", routes, "settle(«[entry.id]», of",
            "queues[queue].entries.prefix(10).map(\\.id)"),
        statement(
            "fault 3: a refused digest dead-letters whole", results,
            "«guard mayContinue(batch, index) else { return }»\n        let isNoticed",
            """
            guard mayContinue(batch, index) else { return }
            if batch.form == .plain, batch.entries.count > 1 {
                return settle(batch.entries.map(\\.id), of: queue, .dead(.refused))
            }
            """),
        value(
            "fault 6: a probe carries the backlog", batches,
            "!hooks[hook.index].health.isWorking || hasRejection(state)", "hasRejection(state)"),
        statement("fault 6: the old routes stay after a reload", machine, "queues[index].plan = plan"),
        statement(
            "fault 6: a reload forgets attempts", machine, "queues[index].plan = plan",
            "queues[index].plan = plan; queues[index].attempts = 0"),
        statement(
            "fault 6: a reload forgets backoff", machine, "hooks[index].health.makeProbeDue(at: now)",
            "hooks[index].health = HookHealth()"),
        statement(
            "fault 6: a reload forgets the budget", machine, "hooks[index].limiter.change(to: limit)",
            "hooks[index].limiter = PostLimiter(limit: limit)"),
        statement(
            "obvious repair: waiting queues wake each other", machine,
            "«consider(queue.pausedUntil)»\n            if queue",
            "consider(queue.reroutedTo != nil ? now + .milliseconds(1) : queue.pausedUntil)"),
        // Pace.
        value(
            "one post too many in a window", "PostLimiter", "posts.count >= limit.posts", "posts.count > limit.posts"),
        value("no pause within a burst", "PostLimiter", "lastStart + limit.window / 60", "lastStart"),
        value("a burst one larger", "PostLimiter", "(Self.burst(limit) - 1)", "Self.burst(limit)"),
        value("posts count from their start", "PostLimiter", "if reachedServer { posts.append(«now»)", "lastStart"),
        statement("posts that did not arrive cost budget", "PostLimiter", "else { «fullAt = fullAtBefore» }"),
        statement("a pause is ignored", "PostLimiter", "pausedUntil = max(pausedUntil, instant)"),
        statement(
            "a pause in an answer is ignored", machine,
            "«hooks[hook.index].limiter.pause(until: now + Self.clamped(pause))»"),
        value("a pause in an answer is cut to a second", machine, "now + «Self.clamped(pause)»", ".seconds(1)"),
        value(
            "a shorter pause ends a longer one", "PostLimiter", "pausedUntil = «max(pausedUntil, instant)»", "instant"),
        statement("the unfinished post is forgotten", tenure, "hooks[index].limiter.extendLast(to: unfinished.until)"),
        // Health.
        value("failover too early", "HookHealth", "now - since < delay", "now - since < delay / 2"),
        value("failover too late", "HookHealth", "now - since < delay", "now - since < delay + .seconds(60)"),
        value(
            "a broken hook is usable", "HookHealth", "case .broken: «false»\n        }\n    }\n\n    mutating",
            "true"),
        value(
            "a bare 500 never means broken", "HookHealth", "suspicious >= Self.suspiciousBeforeBroken",
            "suspicious >= 500"),
        statement("a refusal does not end throttling", "HookHealth", "has ended.\n            «state = .working»"),
        value("the probe interval has no maximum", "HookHealth", "min(«.seconds(60)», .seconds(5)", ".seconds(9_000)"),
        value("a verdict outlives its epoch", routes, "$0.hook == hook && $0.epoch == health.epoch", "$0.hook == hook"),
        value(
            "a broken hook's condition is works", "HookHealth", "return «true» }\n        return !isWorking", "false"),
        value(
            "a hook is left alone after its first failure", "HookHealth",
            "return !isWorking && «failures >= Self.failuresBeforeProbes»", "true"),
        value(
            "the condition omits probes", "HookState", "«hooks[hook.index].turn == .free» ? .suspended", "true"),
        // Routes.
        value("the first route is never probed", routes, "if «slot <= now» { return true }", "false"),
        value("a search ignores a better route", routes, "health.state == .working { return «true» }", "false"),
        value(
            "a throttling hook counts as tried at once", routes, "{ return «now - since >= settings.maxThrottleTime» }",
            "true"),
        value(
            "a search waits for a pause of any length", routes,
            "return «hooks[hook.index].readyAt(isSearching: true) - now > settings.overtakeDelay»",
            "false"),
        value("suspects are composed concurrently", routes, "!isSuspect && !self.isSuspect(other)", "true"),
        value(
            "three crashes in a larger batch are enough", routes, "first.crashes >= 3, «first.crashesAlone >= 2»",
            "true"),
        // Search.
        value("a refused batch is not halved", "Batch", "next.size = «count / 2»", "count"),
        value("the notice is forgotten", "Batch", "next.isNoticed = «true»", "false"),
        value("a rejection counts as a failure", results, "isRejection: «true»", "false"),
        // Turns.
        value(
            "a queue may be overtaken repeatedly", turns,
            "queues[$0].plan.urgency >= urgency || «!queues[$0].wasOvertaken»",
            "true"),
        value(
            "urgency is reversed", turns, "where «queues[queue].plan.urgency < queues[first].plan.urgency»",
            "queues[queue].plan.urgency > queues[first].plan.urgency"),
        value("overtakeDelay never ends", turns, "now - waitingSince(queue) > settings.overtakeDelay", "false"),
        value("overtakeDelay is always exceeded", turns, "now - waitingSince(queue) > settings.overtakeDelay", "true"),
        statement("wasOvertaken is never reset", turns, "queues[queue].wasOvertaken = false"),
        value("posts continue after stop", machine, "guard «!isStopping», let tenureEnd", "true"),
        value("posts continue after the tenure's end", machine, "return «now < tenureEnd»", "true"),
        // Batches.
        value("three crashes, two at a time", batches, "default: «1»", "2"),
        value(
            "a marked batch is repeated in part", batches, "state.entries.prefix { $0.id <= id }.count",
            "state.entries.prefix { $0.id <= id }.count - 1"),
        value("a slow room gets entries one by one", batches, "exceedsBudget || «isTooSlow»", "isTooSlow && false"),
        value("never fold", batches, "mustFold ? «.everything» : .first(1)", ".first(1)"),
        value(
            "a rerouted message has no marks", batches, "«state.plan.routes.first == hook» ? [] : .rerouted", "true"),
        statement("a refusal elsewhere has no marks", batches, "«marks.insert(.refused)»"),
        value(
            "every rerouted message has the marks of a refusal", batches,
            "contains(.rerouted), «hasRejection(state)» {", "true"),
        statement("expired entries stay", batches, "settle(expired, of: queue, .expired)"),
        value("expired entries count as delivered", batches, "settle(expired, of: queue, «.expired»)", ".delivered"),
        value("expired entries are dead-lettered", batches, "let dead = «ids.filter(unreadable.contains)»", "ids"),
        value(
            "expired entries are settled by the post", batches, "batch.entries.filter { !lost.contains($0.id) }",
            "batch.entries"),
        statement("an entry shown as resolved counts as firing", batches, "left[index].isResolved = true"),
        // Rows.
        statement(
            "the fast path drops the newest row", machine,
            "isBehind\n        {\n            «queues[queue.index].noteCommit(through: id, at: now)»"),
        value("the fast path applies to all queues", machine, "«queues[queue.index].isBehind»\n        {", "true"),
        statement(
            "rows from before the start are not read", "QueueState", "cursor = .zero\n        «isRecovering = true»"
        ),
        value("rows committed during a load are skipped", "QueueState", "max(cursor, «known»)", "newest"),
        // `RestartTests` checks that a page is void after a reload: a schedule rarely refuses a permit during a load.
        statement("trimmed rows are lost", "QueueState", "cursor = entries[window - 1].id"),
        // Time.
        statement("no timer for a failed read", machine, "«consider(queue.pausedUntil)»\n            if queue", ""),
        statement(
            "no timer for a hook's slot", machine,
            "«consider(hook.readyAt(isSearching: false))»\n                if queue", ""),
        statement("no timer for the failover", machine, "consider(since + queue.plan.failoverDelay)"),
        statement(
            "no timer for follow-ups", machine,
            "!hook.followUps.isEmpty {\n            «consider(hook.readyAt(isSearching: false))»"),
        // Results.
        statement(
            "a fenced post does not reload the rows", results,
            "unmark(batch, queue.index)\n            «queues[queue.index].reload()»"
        ),
        statement(
            "a possible delivery is not marked", turns,
            "queues[queue].setMark(Mark(hook: hook, through: last, form: batch.form))"),
        statement(
            "a partly delivered batch starts again after each failure", results,
            "mayContinue(batch, queue) { «queues[queue].batch = batch» }"),
        value(
            "the last part is not posted", results, "if «batch.nextPart < batch.parts»",
            "batch.nextPart + 1 < batch.parts"),
        statement(
            "the quarantine is ignored", tenure,
            "hooks[index].heldUntil = max(hooks[index].heldUntil, unfinished.until)"),
        value("budgets are not handed over", tenure, "posts: «record.posts»", "[]"),
        // Records.
        statement(
            "a record lacks the unfinished post", tenure, "record.unfinished = unfinished(state, until: until)"),
        value(
            "a record lacks the unfinished follow-up", tenure,
            "guard let first = «state.followUps.underWay.first»",
            "FollowUp?.none"),
        value("a record lacks the last entries", tenure, "through: «last.id»", "batch.entries[0].id"),
        value("a record lacks the posts", tenure, "posts: «state.limiter.posts»", "[]"),
        // `RestartTests` checks that a record contains the pause: in schedules no post starts during a pause.
        statement("a record lacks the failure", tenure, "record.failingSince = state.health.unhealthySince"),
        value("a record treats throttling as a failure", tenure, "if «!state.health.isWorking» {", "true"),
        // Follow-ups.
        statement("a follow-up is not announced", followUps, "report(.followUpWaits(hook, followUp))"),
        statement("no follow-up", followUps, "add(followUp, at: room, now)"),
        value(
            "a follow-up outlives the next firing", followUps,
            "hooks.indices where «hooks[room].followUps.cancel(queue: queue, group: entry.group)»", "false"),
        statement(
            "a possibly shown firing is not recorded", results,
            "if batch.form != .notice { «mayShow(batch, queue.index)» }"),
        value("a newer firing is ignored", "RoomMemory", "group.firingIn.filter { «$0.newest < entry.id» }", "true"),
    ]
}
