import Glibc

/// Many sockets to servers on this machine, driven by one thread. Each follows a script that no HTTP client would.
public final class SocketCrowd {
    /// The behaviour of one socket.
    public struct Script: Sendable {
        public enum Ending: Sendable { case stay, halfClose, close, reset }

        /// Sent first.
        public var opening: [UInt8]
        /// Sent repeatedly after the opening.
        public var repeated: [UInt8] = []
        /// The most bytes in one send. The next send is `pause` later.
        public var pieceSize = Int.max
        public var pause = Duration.zero
        /// Whether the responses are read.
        public var reads = true
        /// The action after all bytes are sent.
        public var ending = Ending.stay
        /// Whether to open another connection when this one has ended.
        public var reconnects = false

        public init(_ opening: [UInt8] = []) { self.opening = opening }
        public init(_ opening: String) { self.opening = Array(opening.utf8) }
    }

    private struct Member {
        var descriptor: Int32
        var script: Script
        var sent = 0
        var nextSend = ContinuousClock.now
        /// The first bytes of the response, up to `receivedLimit`.
        var received: [UInt8] = []
        var isOpen = true
        var hasFinished = false
        let source: UInt32?
    }

    private let port: UInt16
    private var members: [Member] = []
    private let receivedLimit: Int
    /// Connections opened so far.
    public private(set) var connections = 0
    public private(set) var bytesSent = 0
    public private(set) var bytesReceived = 0
    /// Connections that the server has ended.
    public private(set) var endedByServer = 0
    private var lastByte = ContinuousClock.now

    public init(port: UInt16, keeping receivedLimit: Int = 8192) {
        self.port = port
        self.receivedLimit = receivedLimit
    }

    deinit { closeAll() }

    /// Opens a connection.
    ///
    /// - Parameter source: the source address, 127.0.0.0 plus this number; nil for the default.
    public func add(_ script: Script, from source: UInt32? = nil) {
        var member = Member(descriptor: -1, script: script, source: source)
        open(&member)
        members.append(member)
    }

    public func closeAll() {
        for index in members.indices where members[index].isOpen { end(index) }
        members = []
    }

    /// The received bytes of each socket in the order of `add`; after a reconnect, those of the last connection.
    public var received: [[UInt8]] { members.map(\.received) }
    public var openCount: Int { members.count { $0.isOpen } }

    /// Runs all scripts until the time is over or the condition is true, which is checked between two rounds.
    public func run(for time: Duration, until isDone: () -> Bool = { false }) {
        let deadline = ContinuousClock.now + time
        lastByte = .now
        while ContinuousClock.now < deadline, !isDone() { pollOnce() }
    }

    /// Runs all scripts until the server has closed every socket, or no byte has moved for `pause`.
    public func run(untilQuietFor pause: Duration) {
        run(for: .seconds(60)) { openCount == 0 || ContinuousClock.now - lastByte > pause }
    }

    // MARK: One round

    private func pollOnce() {
        let now = ContinuousClock.now
        var polled: [pollfd] = []
        var indices: [Int] = []
        for index in members.indices where members[index].isOpen {
            let member = members[index]
            var events: Int32 = member.script.reads ? POLLIN : 0
            if hasMore(member), member.nextSend <= now { events |= POLLOUT }
            polled.append(pollfd(fd: member.descriptor, events: Int16(events), revents: 0))
            indices.append(index)
        }
        guard poll(&polled, nfds_t(polled.count), 5) > 0 else { return }
        for (index, entry) in zip(indices, polled) where entry.revents != 0 {
            let revents = Int32(entry.revents)
            if revents & POLLIN != 0 { read(index) }
            if members[index].isOpen, revents & POLLOUT != 0 { write(index) }
            if members[index].isOpen, revents & (POLLERR | POLLHUP) != 0, revents & POLLIN == 0 { lost(index) }
        }
    }

    private func hasMore(_ member: Member) -> Bool {
        !member.hasFinished
            && (member.sent < member.script.opening.count || !member.script.repeated.isEmpty
                || member.script.ending != .stay)
    }

    private func read(_ index: Int) {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = recv(members[index].descriptor, &buffer, buffer.count, 0)
        if count > 0 {
            bytesReceived += count
            lastByte = .now
            let capacity = receivedLimit - members[index].received.count
            members[index].received += buffer.prefix(min(count, max(0, capacity)))
        } else if count == 0 || errno != EAGAIN {
            lost(index)
        }
    }

    private func write(_ index: Int) {
        let script = members[index].script
        let sent = members[index].sent
        let source = sent < script.opening.count ? script.opening : script.repeated
        if !source.isEmpty {
            let start = sent < script.opening.count ? sent : (sent - script.opening.count) % source.count
            let length = min(source.count - start, script.pieceSize)
            let count = source.withUnsafeBytes {
                send(members[index].descriptor, $0.baseAddress! + start, length, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else {
                if errno != EAGAIN { lost(index) }
                return
            }
            bytesSent += count
            members[index].sent += count
            lastByte = .now
            if script.pause > .zero { members[index].nextSend = .now + script.pause }
        }
        guard members[index].sent >= script.opening.count, script.repeated.isEmpty else { return }
        finish(index)
    }

    private func finish(_ index: Int) {
        members[index].hasFinished = true
        switch members[index].script.ending {
        case .stay: break
        case .halfClose: shutdown(members[index].descriptor, Int32(SHUT_WR))
        case .close: endAndReconnect(index)
        case .reset:
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                members[index].descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
            endAndReconnect(index)
        }
    }

    private func lost(_ index: Int) {
        endedByServer += 1
        endAndReconnect(index)
    }

    private func endAndReconnect(_ index: Int) {
        end(index)
        guard members[index].script.reconnects else { return }
        members[index] = Member(descriptor: -1, script: members[index].script, source: members[index].source)
        open(&members[index])
    }

    private func end(_ index: Int) {
        close(members[index].descriptor)
        members[index].isOpen = false
    }

    private func open(_ member: inout Member) {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        member.descriptor = socket(AF_INET, kind, 0)
        if let source = member.source { Loopback.bind(member.descriptor, to: source) }
        // Connecting is in progress. The first poll reports a refusal.
        _ = Loopback.connect(member.descriptor, to: port)
        connections += 1
        lastByte = .now
    }
}
