/// Makes a scenario from a seed: few hooks and queues, a short time and many faults.
extension Scenario {
    public static func random(seed: UInt64) -> Scenario {
        var generator = Generator(random: WorldRandom(seed: seed &* 0xD134_2543_DE82_EF95 &+ 1))
        return generator.scenario(seed: seed)
    }
}

private struct Generator {
    var random: WorldRandom
    /// The last state of each group. Most inputs alternate between firing and resolved, as Alertmanager's do.
    private var isFiring: [Int: Bool] = [:]

    init(random: WorldRandom) { self.random = random }

    mutating func scenario(seed: UInt64) -> Scenario {
        var scenario = Scenario(seed: seed)
        scenario.replicas = random.happens(20) ? random.within(2...3) : 1
        scenario.usesMachineRecords = scenario.replicas == 1 && random.happens(60)
        scenario.window = random.pick([4, 8, 16, 32])
        for _ in 0..<random.within(1...4) { scenario.hooks.append(hook()) }
        for _ in 0..<random.within(1...5) { scenario.queues.append(queue(hooks: scenario.hooks.count)) }
        let span = random.pick([20_000, 120_000, 600_000])
        var inputs: [Scenario.Input] = []
        let natures: [Nature] = random.happens(50) ? [.normal] : [.normal, .normal, .normal] + [special(), special()]
        for _ in 0..<random.within(1...14) { inputs += alerts(scenario, span, natures) }
        for _ in 0..<random.below(6) { inputs.append(fault(scenario, span)) }
        if random.happens(45) { for _ in 0..<random.within(1...3) { inputs.append(trouble(scenario, span)) } }
        if random.happens(25) { moveTroubles(in: &inputs) }
        // Last, so that the other scenarios do not change.
        if random.happens(10) { replay(in: &inputs) }
        // A stable sort keeps the order of simultaneous inputs.
        scenario.inputs = inputs.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
        return scenario
    }

    /// Moves disturbances to just after an alert, into the milliseconds of reads, compositions and permits.
    private mutating func moveTroubles(in inputs: inout [Scenario.Input]) {
        let accepted = inputs.filter { $0.kind == .accept }.map(\.at)
        for index in inputs.indices where inputs[index].kind != .accept && inputs[index].kind != .fault {
            inputs[index].at = random.pick(accepted) + random.below(100)
        }
    }

    /// Turns some firing entries into replayed ones whose resolve was shown before.
    private mutating func replay(in inputs: inout [Scenario.Input]) {
        for index in inputs.indices where inputs[index].kind == .accept && inputs[index].c == 0 {
            if random.happens(30) { inputs[index].c = 10 * Nature.over.rawValue }
        }
    }

    private mutating func hook() -> Scenario.Hook {
        let (posts, window) = random.pick([
            (10, 60_000), (10, 60_000), (10, 60_000), (3, 10_000), (1, 5_000), (20, 60_000), (0, 0),
        ])
        let isOff = random.happens(10) && posts > 1
        return Scenario.Hook(posts: posts, window: window, serverPosts: isOff ? posts - 1 : posts)
    }

    private mutating func queue(hooks: Int) -> Scenario.Queue {
        var routes = [random.below(hooks)]
        while routes.count < 3, random.happens(60) {
            let next = random.below(hooks)
            if !routes.contains(next) { routes.append(next) }
        }
        return Scenario.Queue(
            urgency: random.below(3), routes: routes,
            failoverDelay: random.pick([0, 10_000, 30_000, 60_000, 120_000]))
    }

    private mutating func special() -> Nature { random.pick(Nature.allCases.dropLast()) }

    private mutating func alerts(_ scenario: Scenario, _ span: Int, _ natures: [Nature]) -> [Scenario.Input] {
        let queue = random.below(scenario.queues.count)
        let start = random.below(span)
        var inputs: [Scenario.Input] = []
        let nature = random.pick(natures)
        if random.happens(25) {
            // A storm: many groups at once.
            let group = 100 + random.below(3) * 40
            let count = nature == .normal ? random.pick([3, 10, 40, 80]) : random.within(1...3)
            inputs.append(accept(queue, group, start, nature, count: count))
            return inputs
        }
        let group = random.below(3)
        var at = start
        for _ in 0..<random.within(1...5) {
            inputs.append(accept(queue, group, at, random.happens(60) ? .normal : nature, count: 1))
            at += random.pick([0, 100, 2_000, 15_000, 60_000])
        }
        return inputs
    }

    private mutating func accept(
        _ queue: Int, _ group: Int, _ at: Int, _ nature: Nature, count: Int
    ) -> Scenario.Input {
        let key = queue * 1_000 + group
        let fires = !(isFiring[key] ?? false) || random.happens(15)
        isFiring[key] = fires
        let state = (fires ? 0 : 1) + 10 * nature.rawValue
        return Scenario.Input(at: at, kind: .accept, a: queue, b: group, c: state, d: count)
    }

    private mutating func fault(_ scenario: Scenario, _ span: Int) -> Scenario.Input {
        let fault = 1 + random.below(Fault.allCases.count - 1)
        return Scenario.Input(
            at: random.below(span), kind: .fault, a: random.below(scenario.hooks.count), b: fault,
            c: random.pick([300, 3_000, 20_000, 90_000, 400_000]))
    }

    private mutating func trouble(_ scenario: Scenario, _ span: Int) -> Scenario.Input {
        var input = Scenario.Input(at: random.below(span), kind: .crash, a: random.pick([500, 3_000, 20_000]))
        switch random.below(scenario.replicas > 1 ? 7 : 5) {
        case 0, 1: break
        case 2: input.kind = .stop
        case 3: input.kind = .journalFault
        case 4:
            input.kind = .reload
            input.a = random.below(scenario.queues.count)
            input.b = random.below(scenario.hooks.count)
            input.c = random.pick([4, 7, 10, 20])
        case 5: input.kind = .freeze
        default: input.kind = .partition
        }
        return input
    }
}
