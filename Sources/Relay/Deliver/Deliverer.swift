/// What one delivery attempt brought back: an answer, or the reason why there is none.
typealias DeliveryAnswer = Result<HTTPAnswer, TransportFailure>

/// Posts one message to one hook.
protocol Deliverer {
    /// Makes exactly one HTTP request and waits for its end; blocks, so it belongs on an outbound queue.
    ///
    /// - Parameter body: a JSON object, not empty.
    func deliver(_ body: [UInt8]) -> DeliveryAnswer
}
