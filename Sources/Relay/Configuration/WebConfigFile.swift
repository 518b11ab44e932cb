import Glibc
import Support

/// A web configuration file of the Prometheus exporter toolkit: TLS and users of the listener under the toolkit's names
/// (https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md).
///
/// Its values become those of the relay's own settings. A key that the relay cannot honor is a problem, because the
/// listener would be less protected than the file says.
struct WebConfigFile: Sendable {
    struct Entry: Sendable {
        /// The key in this file.
        var key: String
        var value: SettingValue
        var place: String
    }

    let path: String
    /// By the keys of the relay's settings.
    private(set) var entries: [String: Entry] = [:]
    private(set) var problems: [ConfigurationProblem] = []

    private static let sizeLimit = 1 << 20
    /// The keys of the toolkit and those of the relay.
    private static let files = [
        "cert_file": "tls.cert_file", "key_file": "tls.key_file", "client_ca_file": "tls.client_ca_file",
    ]
    /// The keys whose single value is what the relay does anyway.
    private static let fixed: [String: [String]] = [
        "tls_server_config.min_version": ["TLS12"], "tls_server_config.max_version": ["TLS13"],
        "http_server_config.http2": ["false", "no", "off"],
    ]
    /// Further keys of the toolkit.
    private static let unsupported = Set(
        [
            "cert", "key", "client_ca", "client_allowed_sans", "cipher_suites", "prefer_server_cipher_suites",
            "curve_preferences",
        ].map { "tls_server_config." + $0 } + ["http_server_config.headers", "rate_limit"])
    private static let sections = ["tls_server_config", "http_server_config", "basic_auth_users"]

    /// - Parameter name: the setting that names the file, for problems with the whole file.
    init(path: String, name: String) {
        self.path = path
        guard let bytes = FileContent.read(path, limit: Self.sizeLimit + 1) else {
            problems = [
                ConfigurationProblem(key: name, message: "\(path) cannot be read: \(String(cString: strerror(errno)))")
            ]
            return
        }
        guard bytes.count <= Self.sizeLimit else {
            problems = [ConfigurationProblem(key: name, message: "\(path) is larger than \(Self.sizeLimit) bytes")]
            return
        }
        do throws(YAMLNode.Failure) {
            let root = try YAMLNode.read(bytes)
            for member in members(of: root, "") { record(member) }
            checkClientAuthentication(members(of: root, "").first { $0.key == "tls_server_config" })
        } catch {
            problem("", error.place, error.message)
        }
    }

    private mutating func record(_ section: YAMLNode.Member) {
        if section.key == "basic_auth_users" { return recordUsers(section) }
        guard Self.sections.contains(section.key) else { return refuse(section.key, section.place) }
        for member in members(of: section.value, section.key) {
            let key = "\(section.key).\(member.key)"
            if let setting = Self.files[member.key], section.key == "tls_server_config" {
                guard let path = text(member, key) else { continue }
                // As in the toolkit, relative to this file.
                let folder = self.path.lastIndex(of: "/").map { self.path[...$0] } ?? ""
                let value = SettingValue.text(path.hasPrefix("/") ? path : folder + path)
                entries[setting] = Entry(key: key, value: value, place: describe(member.value.place))
            } else if let allowed = Self.fixed[key] {
                guard let value = text(member, key), !allowed.contains(value.lowercased()), !allowed.contains(value)
                else { continue }
                problem(
                    key, member.value.place,
                    "\(SettingNotes.quoted(value)) is not supported; the relay has \(allowed[0]) here")
            } else if key != "tls_server_config.client_auth_type" {
                refuse(key, member.place)
            }
        }
    }

    private mutating func recordUsers(_ section: YAMLNode.Member) {
        var pairs: [SettingValue.Pair] = []
        for member in members(of: section.value, section.key) {
            guard let hash = text(member, "\(section.key).\(member.key)") else { continue }
            pairs.append(.init(key: member.key, value: hash))
        }
        guard !pairs.isEmpty else { return }
        entries["basic_auth"] = Entry(key: section.key, value: .map(pairs), place: describe(section.place))
    }

    /// The toolkit has four ways to request certificates. The relay requires and verifies them, or requests none.
    private mutating func checkClientAuthentication(_ section: YAMLNode.Member?) {
        guard let section, case .map(let members, _) = section.value else { return }
        let member = members.first { $0.key == "client_auth_type" }
        let key = "tls_server_config.client_auth_type"
        let kind = member.flatMap { text($0, key) } ?? "NoClientCert"
        let place = member?.value.place ?? section.place
        switch (kind, entries["tls.client_ca_file"]) {
        case ("NoClientCert", nil), ("RequireAndVerifyClientCert", .some): return
        case ("NoClientCert", .some):
            problem(key, place, "must be RequireAndVerifyClientCert if client_ca_file is given")
        case ("RequireAndVerifyClientCert", nil): problem(key, place, "needs client_ca_file")
        default:
            problem(
                key, place,
                "\(SettingNotes.quoted(kind)) is not supported; the relay has NoClientCert and RequireAndVerifyClientCert"
            )
        }
    }

    // MARK: Problems

    private mutating func members(of node: YAMLNode, _ key: String) -> [YAMLNode.Member] {
        switch node {
        case .map(let members, _):
            var seen: Set<String> = []
            for member in members where !seen.insert(member.key).inserted {
                problem(key.isEmpty ? member.key : "\(key).\(member.key)", member.place, "is given twice")
            }
            if members.isEmpty {
                problem(key.isEmpty ? "web_config_file" : key, node.place, "must hold keys and values")
            }
            return members
        case .scalar, .list:
            // Also for nothing: a file that is being written must not turn off TLS and authentication.
            problem(key.isEmpty ? "web_config_file" : key, node.place, "must hold keys and values")
            return []
        }
    }

    /// The value of a key; nil if a problem was noted.
    private mutating func text(_ member: YAMLNode.Member, _ key: String) -> String? {
        if case .scalar(let text?, _) = member.value, !text.trimmed.isEmpty { return text.trimmed }
        problem(key, member.value.place, "must be a single value")
        return nil
    }

    private mutating func refuse(_ key: String, _ place: YAMLNode.Place) {
        let isKnown = Self.unsupported.contains(key)
        let section = key.split(separator: ".").dropLast().first.map { $0 + "." } ?? ""
        let known =
            section.isEmpty
            ? Self.sections
            : Self.files.keys.map { "tls_server_config." + $0 }.filter { $0.hasPrefix(section) }
                + Self.fixed.keys.filter { $0.hasPrefix(section) }
        let nearest = NearestName.close(to: key, among: known.sorted()).map { ", did you mean \($0)?" } ?? ""
        problem(
            key, place,
            isKnown ? "is not supported by the relay; take it out" : "is not a key of a web configuration\(nearest)")
    }

    private mutating func problem(_ key: String, _ place: YAMLNode.Place, _ message: String) {
        let problem = ConfigurationProblem(key: key, message: message, place: describe(place))
        // The root is read twice.
        if !problems.contains(problem) { problems.append(problem) }
    }

    private func describe(_ place: YAMLNode.Place) -> String { "\(path):\(place.line):\(place.column)" }
}
