import Support
import Dispatch
import Glibc
import Libevent
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct EventLoopTests {
    @Test func postedWorkRunsInOrderFromEveryThread() async {
        let seen = Locked<[Int: [Int]]>([:])
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask {
                    await offLoop {
                        for number in 0..<1000 {
                            LoopActor.post { seen.withLock { $0[thread, default: []].append(number) } }
                        }
                    }
                }
            }
        }
        await waitForPostedWork()
        seen.withLock { seen in
            #expect(seen.keys.sorted() == [0, 1, 2, 3])
            #expect(seen.values.allSatisfy { $0 == Array(0..<1000) })
        }
    }

    @Test func workPostedOnTheLoopRunsAfterTheCurrentWork() async {
        let seen = Locked<[Int]>([])
        LoopActor.post {
            LoopActor.post { seen.withLock { $0.append(2) } }
            seen.withLock { $0.append(1) }
        }
        await waitForPostedWork()
        await waitForPostedWork()
        #expect(seen.withLock { $0 } == [1, 2])
    }

    @Test @LoopActor func timersRepeatUntilReleased() async {
        var count = 0
        var timer: LoopEvent? = .timer(after: .milliseconds(1), repeats: true) { count += 1 }
        while count < 3 { await pause(.milliseconds(1)) }
        timer = nil
        let atRelease = count
        await pause(.milliseconds(30))
        #expect(count == atRelease)
        _ = timer
    }

    @Test @LoopActor func signalsAreDeliveredOnTheLoop() async {
        var received = 0
        let event = LoopEvent.signal(SIGUSR2) { received += 1 }
        kill(getpid(), SIGUSR2)
        for _ in 0..<2000 where received == 0 { await pause(.milliseconds(5)) }
        #expect(received == 1)
        _ = event
    }

    /// Returns once all earlier posted work has run.
    private func waitForPostedWork() async {
        await withCheckedContinuation { done in LoopActor.post { done.resume() } }
    }
}

@Suite struct SocketAddressTests {
    @Test(arguments: [
        ("0.0.0.0:8093", "0.0.0.0", 8093), ("[::]:8093", "::", 8093), (":8093", "", 8093),
        ("localhost:0", "localhost", 0),
    ])
    func validAddressesAreParsed(text: String, host: String, port: Int) {
        #expect(SocketAddress(text) == SocketAddress(host: host, port: UInt16(port)))
    }

    @Test(arguments: ["8093", "", "host", "::1:80", "[127.0.0.1]:80", "a:b:1", "h:65536", "h:-1", "http://h:1"])
    func malformedAddressesAreRefused(text: String) {
        #expect(SocketAddress(text) == nil)
    }

    @Test @LoopActor func serverListensOnIPv4AndIPv6() throws {
        let server = HTTPServer(limits: HTTPLimits()) { $0.reply(status: 200, body: []) }
        let first = try server.listen(on: SocketAddress(host: "127.0.0.1", port: 0))
        let second = try server.listen(on: SocketAddress(host: "::1", port: first.port))
        #expect(second.port == first.port)
        #expect(throws: SocketError.self) { try server.listen(on: first) }
    }
}
