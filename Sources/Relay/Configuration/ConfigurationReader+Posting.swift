import Alerts
import Glibc
import RocketChat
import Support

/// How messages look and travel, for all hooks and for each receiver.
extension ConfigurationReader {
    /// - Parameter prefix: what the variables begin with: `RELAY_`, or a receiver's.
    mutating func readPosting(_ prefix: String, _ settings: inout PostingSettings) {
        var found = settings
        readRate(prefix + "RATE_LIMIT") { found.rateLimit = $0 }
        readCount(prefix + "TEXT_LIMIT") { found.textLimit = $0 }
        if let labels = text(prefix + "SHOWN_LABELS") { found.shownLabels = Self.items(labels) }
        if let labels = text(prefix + "HIDDEN_LABELS") { found.hiddenLabels = Self.items(labels) }
        read(prefix + "EMOJI", "an emoji's short name, as in :fire:", Self.emoji) { found.emoji = $0 }
        read(prefix + "ALIAS", "a name of one line without control characters", Self.name) { found.alias = $0 }
        readProxy(prefix + "PROXY") { found.proxy = $0 }
        if let hosts = text(prefix + "NO_PROXY") { found.noProxy = hosts }
        if let path = pem(prefix + "CA_FILE", .certificates) { found.caFile = path }
        readClientCertificate(prefix, &found)
        readDuration(prefix + "CONNECT_TIMEOUT") { found.connectTimeout = $0 }
        readDuration(prefix + "POST_TIMEOUT") { found.postTimeout = $0 }
        settings = found
    }

    private mutating func readProxy(_ key: String, _ take: (Secret) -> Void) {
        guard let text = secret(key) else { return }
        do throws(ProxyURL.Invalid) {
            take(try ProxyURL(text).url)
        } catch {
            problem(origin(of: key), fileNote(of: key) + "\(error)")
        }
    }

    private mutating func readClientCertificate(_ prefix: String, _ settings: inout PostingSettings) {
        let variables = [prefix + "CLIENT_CERT_FILE", prefix + "CLIENT_KEY_FILE"]
        let message = "a client certificate needs its key; give both, or neither"
        guard let (certificate, key) = certificateAndKey(of: variables, orElse: message) else { return }
        _ = pem(variables[0], .certificates)
        // Whoever checks the settings without secrets cannot read the key.
        if readsSecrets { _ = pem(variables[1], .key) }
        settings.clientCertificate = ClientCertificate(certificate: certificate, key: key)
    }

    /// The path of a file in PEM form; nil if there is none, or a problem was noted.
    private mutating func pem(_ key: String, _ kind: PEMFile.Kind) -> String? {
        guard let path = text(key) else { return nil }
        guard let fault = PEMFile.fault(in: path, kind) else { return path }
        problem(key, fault)
        return nil
    }

    private static func name(_ text: String) -> String? {
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: false
            // Of those that are not seen only the joiner, of which emoji are made.
            case .format: scalar == "\u{200D}"
            default: true
            }
        }
        return isPlain ? text : nil
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
        receiver.hook = readHook(of: receiver.name, key("webhook"))
        return receiver.name.isEmpty || receiver.matchers.isEmpty ? nil : receiver
    }

    /// Nil where a problem was noted, or secrets are not read.
    private mutating func readHook(of receiver: String, _ key: String) -> HookURL? {
        guard readsSecrets else { return nil }
        if text(key) != nil || text(key + "_FILE") != nil { return secret(key).flatMap { hook($0, of: key) } }
        let credential = ServiceCredentials.hookFile(ofReceiver: receiver, environment: environment) {
            access($0, F_OK) == 0
        }
        if let credential {
            return content(of: credential, key).flatMap { hook($0, of: key, from: credential) }
        }
        problem(key, "is missing; a receiver needs the URL of an incoming webhook")
        return nil
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
