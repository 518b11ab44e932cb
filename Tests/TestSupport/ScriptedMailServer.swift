package import Support

/// A mail server without TLS that misbehaves as a test says. It keeps the mails that it accepts.
package final class ScriptedMailServer: Sendable {
    /// The command at which something happens; `greeting` is the connection itself, `message` the end of the data.
    package enum Step: String, Sendable {
        case greeting = ""
        case mail = "MAIL"
        case recipient = "RCPT"
        case data = "DATA"
        case message = "."
    }

    package enum Behavior: Sendable {
        case accept
        case answer(Step, String)
        case hang(Step)
        case drop(Step)
        /// Answers 451 at the first attempts, as greylisting does.
        case greylist(attempts: Int)
    }

    package struct Mail: Sendable {
        package var sender = ""
        package var recipients: [String] = []
        /// The lines with their dots as they were sent.
        package var lines: [String] = []
    }

    package let behavior: Locked<Behavior>
    private let accepted: Locked<[Mail]>
    private let hangs: Locked<Int>
    private let server: LoopbackServer

    package init(_ behavior: Behavior = .accept) throws {
        let script = Locked(behavior)
        let accepted = Locked<[Mail]>([])
        let hangs = Locked(0)
        (self.behavior, self.accepted, self.hangs) = (script, accepted, hangs)
        let attempts = Locked(0)
        server = try LoopbackServer { connection in
            let behavior = script.withLock { $0 }
            var mail = Mail()
            guard Self.pass(.greeting, behavior, connection, attempts, hangs) else { return }
            connection.send("220 scripted ESMTP\r\n")
            while let line = connection.readLine() {
                let verb = line.prefix(4).uppercased()
                if let step = Step(rawValue: verb), !Self.pass(step, behavior, connection, attempts, hangs) { continue }
                switch verb {
                case "EHLO": connection.send("250-scripted\r\n250 8BITMIME\r\n")
                case "MAIL": mail.sender = line
                case "RCPT": mail.recipients.append(line)
                case "DATA":
                    connection.send("354 go on\r\n")
                    while let line = connection.readLine(), line != "." { mail.lines.append(line) }
                    guard Self.pass(.message, behavior, connection, attempts, hangs) else { continue }
                    accepted.withLock { [mail] in $0.append(mail) }
                    mail = Mail()
                    connection.send("250 kept\r\n")
                case "QUIT":
                    connection.send("221 bye\r\n")
                    return
                default: connection.send("502 unknown\r\n")
                }
                if ["MAIL", "RCPT"].contains(verb) { connection.send("250 ok\r\n") }
            }
        }
    }

    package var port: UInt16 { server.port }
    package var url: String { "smtp://127.0.0.1:\(server.port)" }
    /// The number of connections that a hang has reached.
    package var hanging: Int { hangs.withLock { $0 } }
    package var mails: [Mail] { accepted.withLock { $0 } }

    /// Returns false if the step was answered already, or the connection must end.
    private static func pass(
        _ step: Step, _ behavior: Behavior, _ connection: LoopbackServer.Connection, _ attempts: Locked<Int>,
        _ hangs: Locked<Int>
    ) -> Bool {
        switch behavior {
        case .accept: return true
        case .answer(step, let text):
            connection.send(text + "\r\n")
            return false
        case .hang(step):
            hangs.withLock { $0 += 1 }
            connection.hang()
            return false
        case .drop(step):
            connection.close()
            return false
        case .greylist(let limit) where step == .recipient:
            let isRefused = attempts.withLock { attempts in
                attempts += 1
                return attempts <= limit
            }
            if isRefused { connection.send("451 4.7.1 greylisted, try again later\r\n") }
            return !isRefused
        case .answer, .hang, .drop, .greylist: return true
        }
    }
}
