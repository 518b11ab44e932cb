import Libevent

/// The exchanges whose reply is delayed or never sent.
@LoopActor
final class HeldExchanges {
    private struct Held {
        var exchange: HTTPExchange
        var timer: LoopEvent?
        /// A timer will answer the exchange.
        var isDelayed = false
    }

    private var held: [Int: Held] = [:]
    private var lastNumber = 0

    /// Keeps an exchange without answering it.
    func hang(_ exchange: HTTPExchange) {
        lastNumber += 1
        held[lastNumber] = Held(exchange: exchange)
    }

    /// Calls `action` after `duration`, or at once if it is zero.
    func delay(
        _ exchange: HTTPExchange, for duration: Duration, then action: @escaping @LoopActor () -> Void
    ) {
        guard duration > .zero else { return action() }
        lastNumber += 1
        let number = lastNumber
        let timer = LoopEvent.timer(after: duration) { [weak self] in
            guard self?.held.removeValue(forKey: number) != nil else { return }
            action()
        }
        held[number] = Held(exchange: exchange, timer: timer, isDelayed: true)
    }

    /// Writes an endless response head, one byte at a time.
    func drip(_ exchange: HTTPExchange) {
        lastNumber += 1
        let head = Array("HTTP/1.1 200 OK\r\nX-Slow: ".utf8)
        var written = 0
        let timer = LoopEvent.timer(after: .milliseconds(100), repeats: true) {
            exchange.writeRaw([written < head.count ? head[written] : UInt8(ascii: "x")])
            written += 1
        }
        held[lastNumber] = Held(exchange: exchange, timer: timer)
    }

    /// Ends the connections of hanging and dripping exchanges, and optionally of delayed ones.
    func drop(includingDelayed: Bool) {
        for (number, entry) in held where includingDelayed || !entry.isDelayed {
            held[number] = nil
            if entry.exchange.isAwaitingReply { entry.exchange.drop(reset: false) }
        }
    }
}
