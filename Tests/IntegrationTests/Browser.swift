import Foundation
import TestSupport
import Testing

/// A headless Chromium that a test drives with the DevTools protocol over pipes.
final class Browser {
    struct Failure: Error { var text: String }

    private let program: Program
    private let folder = TemporaryFolder()
    private let input: Int32
    private let output: Int32
    private var received: [UInt8] = []
    private var lastID = 0
    private var session: String?
    private var loads = 0
    /// Errors and warnings of the console, exceptions, and violations of the Content-Security-Policy.
    private(set) var complaints: [String] = []

    init() throws {
        let (input, output) = (folder.path + "/in", folder.path + "/out")
        guard mkfifo(input, 0o600) == 0, mkfifo(output, 0o600) == 0 else { throw Failure(text: "no pipe") }
        let options =
            "--headless --no-sandbox --disable-gpu --no-first-run --disable-dev-shm-usage --remote-debugging-pipe"
        program = try Program(
            "/bin/sh",
            [
                "-c",
                "exec chromium \(options) --user-data-dir='\(folder.path)/profile' about:blank 3<'\(input)' 4>'\(output)'",
            ])
        // Opened for both directions, which never blocks (fifo(7)).
        self.input = Glibc.open(input, O_RDWR | O_CLOEXEC)
        self.output = Glibc.open(output, O_RDWR | O_CLOEXEC)
        let target = try send("Target.createTarget", ["url": "about:blank"])["targetId"] as? String ?? ""
        session = try send("Target.attachToTarget", ["targetId": target, "flatten": true])["sessionId"] as? String
        for domain in ["Runtime", "Log", "Page"] { try send(domain + ".enable") }
    }

    deinit {
        close(input)
        close(output)
    }

    // MARK: Use

    /// Sets the size of the window and the preferred color scheme.
    func show(width: Int, isDark: Bool) throws {
        try send(
            "Emulation.setDeviceMetricsOverride",
            ["width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500])
        let scheme = ["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"]
        try send("Emulation.setEmulatedMedia", ["features": [scheme]])
    }

    func setScripts(enabled: Bool) throws {
        try send("Emulation.setScriptExecutionDisabled", ["value": !enabled])
    }

    /// Opens a page and waits until it is loaded.
    func open(_ url: String) throws {
        try waitForLoad {
            let reply = try send("Page.navigate", ["url": url])
            if let error = reply["errorText"] { throw Failure(text: "\(url): \(error)") }
        }
    }

    /// Waits for the page that an action loads.
    func waitForLoad(_ action: () throws -> Void) throws {
        let before = loads
        try action()
        while loads == before { try read(within: 30) }
    }

    /// The value of an expression, which may be a promise.
    func evaluate(_ expression: String) throws -> Any? {
        let reply = try send(
            "Runtime.evaluate", ["expression": expression, "returnByValue": true, "awaitPromise": true])
        if let details = reply["exceptionDetails"] { throw Failure(text: "\(details)") }
        return (reply["result"] as? [String: Any])?["value"]
    }

    func text(_ expression: String) throws -> String { try evaluate(expression) as? String ?? "" }

    func number(_ expression: String) throws -> Int { try evaluate(expression) as? Int ?? -1 }

    /// Presses a key: `Tab`, `Enter`.
    func press(_ key: String) throws {
        let code = ["Tab": 9, "Enter": 13][key] ?? 0
        var event: [String: Any] = ["key": key, "code": key, "windowsVirtualKeyCode": code, "type": "keyDown"]
        if key == "Enter" { event["text"] = "\r" }
        try send("Input.dispatchKeyEvent", event)
        event["type"] = "keyUp"
        event["text"] = nil
        try send("Input.dispatchKeyEvent", event)
    }

    /// A picture of the whole page as PNG.
    func screenshot() throws -> Data {
        let reply = try send("Page.captureScreenshot", ["format": "png", "captureBeyondViewport": true])
        return Data(base64Encoded: reply["data"] as? String ?? "") ?? Data()
    }

    func forgetComplaints() { complaints = [] }

    // MARK: Protocol

    @discardableResult
    private func send(_ method: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
        lastID += 1
        let id = lastID
        var message: [String: Any] = ["id": id, "method": method, "params": parameters]
        if let session { message["sessionId"] = session }
        var rest = try Array(JSONSerialization.data(withJSONObject: message)) + [0]
        while !rest.isEmpty {
            let count = write(input, rest, rest.count)
            guard count > 0 else { throw Failure(text: "Chromium takes no command") }
            rest.removeFirst(count)
        }
        while true {
            let reply = try read(within: 30)
            guard reply["id"] as? Int == id else { continue }
            if let error = reply["error"] { throw Failure(text: "\(method): \(error)") }
            return reply["result"] as? [String: Any] ?? [:]
        }
    }

    /// Reads one message, and notes what it says about the page.
    @discardableResult
    private func read(within seconds: Int32) throws -> [String: Any] {
        while true {
            if let end = received.firstIndex(of: 0) {
                let message = Data(received[..<end])
                received.removeFirst(end + 1)
                let object = try JSONSerialization.jsonObject(with: message) as? [String: Any] ?? [:]
                note(object)
                return object
            }
            var entry = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, seconds * 1000) == 1 else { throw Failure(text: "no message: \(program.output)") }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let count = Glibc.read(output, &buffer, buffer.count)
            received += buffer.prefix(max(0, count))
        }
    }

    private func note(_ message: [String: Any]) {
        let parameters = message["params"] as? [String: Any] ?? [:]
        switch message["method"] as? String {
        case "Page.loadEventFired": loads += 1
        case "Runtime.exceptionThrown": complaints.append("exception: \(parameters)")
        case "Runtime.consoleAPICalled" where ["error", "warning", "assert"].contains(parameters["type"] as? String):
            complaints.append("console: \(parameters)")
        case "Log.entryAdded":
            let entry = parameters["entry"] as? [String: Any] ?? [:]
            if entry["level"] as? String != "verbose" { complaints.append("log: \(entry)") }
        default: break
        }
    }
}
