import Glibc

/// How messages look and travel, for all hooks and for each receiver.
extension ConfigurationReader {
    /// - Parameter prefix: what the variables begin with: `RELAY_`, or a receiver's.
    mutating func readPosting(_ prefix: String, _ settings: inout PostingSettings) {
        var found = settings
        read(prefix + "RATE_LIMIT", "posts per time as in 10/60s, or off", PostLimit.read) { found.rateLimit = $0 }
        read(prefix + "TEXT_LIMIT", "a whole number, at least 500", { Int($0).flatMap { $0 >= 500 ? $0 : nil } }) {
            found.textLimit = $0
        }
        if let labels = text(prefix + "SHOWN_LABELS") { found.shownLabels = Self.items(labels) }
        if let labels = text(prefix + "HIDDEN_LABELS") { found.hiddenLabels = Self.items(labels) }
        read(prefix + "EMOJI", "an emoji's short name, as in :fire:", Self.emoji) { found.emoji = $0 }
        read(prefix + "ALIAS", "a name of one line", { $0.contains(where: \.isNewline) ? nil : $0 }) {
            found.alias = $0
        }
        if let proxy = secret(prefix + "PROXY") { found.proxy = Secret(proxy) }
        if let hosts = text(prefix + "NO_PROXY") { found.noProxy = hosts }
        readPath(prefix + "CA_FILE") { found.caFile = $0 }
        readClientCertificate(prefix, &found)
        readDuration(prefix + "CONNECT_TIMEOUT") { found.connectTimeout = $0 }
        readDuration(prefix + "POST_TIMEOUT") { found.postTimeout = $0 }
        settings = found
    }

    private mutating func readClientCertificate(_ prefix: String, _ settings: inout PostingSettings) {
        let variables = [prefix + "CLIENT_CERT_FILE", prefix + "CLIENT_KEY_FILE"]
        let message = "a client certificate needs its key; give both, or neither"
        guard let (certificate, key) = certificateAndKey(of: variables, orElse: message) else { return }
        readPath(variables[0]) { _ in }
        // Whoever checks the settings without secrets cannot read the key.
        if readsSecrets { readPath(variables[1]) { _ in } }
        settings.clientCertificate = ClientCertificate(certificate: certificate, key: key)
    }

    private mutating func readPath(_ key: String, _ set: (String) -> Void) {
        read(key, "a file that can be read", { access($0, R_OK) == 0 ? $0 : nil }, set)
    }

    private static func emoji(_ text: String) -> String? {
        let name = text.dropFirst().dropLast()
        let isName = text.hasPrefix(":") && text.hasSuffix(":") && !name.isEmpty
        return isName && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-+".contains($0)) }
            ? text : nil
    }

    // MARK: Receivers

    /// Each has queues and tables of its own, and the spool knows them by a byte.
    private static let receiverLimit = 100

    mutating func readReceivers(_ configuration: inout RelayConfiguration) {
        guard let file else { return }
        if file.receivers.count > Self.receiverLimit {
            let first = SettingsFile.variable(receiver: file.receivers[Self.receiverLimit], "name")
            problem(first, "there may be \(Self.receiverLimit) receivers at most")
        }
        var names: Set<String> = []
        for index in file.receivers.prefix(Self.receiverLimit) {
            guard let receiver = readReceiver(index, configuration.posting) else { continue }
            if names.insert(receiver.name).inserted {
                configuration.receivers.append(receiver)
            } else {
                problem(SettingsFile.variable(receiver: index, "name"), "\"\(receiver.name)\" is given twice")
            }
        }
    }

    private mutating func readReceiver(_ index: Int, _ posting: PostingSettings) -> ReceiverConfiguration? {
        let key = { (name: String) in SettingsFile.variable(receiver: index, name) }
        var receiver = ReceiverConfiguration(name: "", matchers: readMatchers(key("matchers")), posting: posting)
        read(key("name"), "a name of up to 63 letters, digits and . _ -", Self.receiverName) { receiver.name = $0 }
        if text(key("name")) == nil { problem(key("name"), "is missing; a receiver needs a name") }
        readFlag(key("continue")) { receiver.continues = $0 }
        readDuration(key("fallback_after")) { receiver.fallbackAfter = $0 }
        readPosting(key(""), &receiver.posting)
        if let url = secret(key("webhook")) {
            receiver.hook = hook(url, of: key("webhook"))
        } else if readsSecrets, text(key("webhook_file")) == nil {
            problem(key("webhook"), "is missing; a receiver needs the URL of an incoming webhook")
        }
        return receiver.name.isEmpty || receiver.matchers.isEmpty ? nil : receiver
    }

    private mutating func readMatchers(_ key: String) -> [LabelMatcher] {
        var matchers: [LabelMatcher] = []
        do {
            for line in (text(key) ?? "").split(whereSeparator: \.isNewline) {
                matchers += try LabelMatcher.list(String(line))
            }
            if matchers.isEmpty { problem(key, "is missing; a receiver needs a matcher as in team=\"db\"") }
        } catch {
            problem(key, "\(error)")
        }
        return matchers
    }

    private static func receiverName(_ text: String) -> String? {
        let isName =
            text.count <= 63 && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
        return isName ? text : nil
    }
}
