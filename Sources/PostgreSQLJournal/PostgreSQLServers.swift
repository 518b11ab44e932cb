import CPostgreSQL
package import Support

/// A connection string in one of libpq's forms, with the relay's defaults below it.
///
/// libpq tries several hosts in turn only if it may block, and then without a deadline for each step. So each host is
/// an own target.
package struct PostgreSQLServers: Sendable {
    /// The settings of one connection. The values can contain the password.
    struct Target: Sendable {
        var options: [(keyword: String, value: Secret)]
    }

    package enum Problem: Error, Equatable {
        case malformed
        case ports(Int, hosts: Int)
        case option(String)
    }

    /// In the order of the connection string; at least one.
    let targets: [Target]
    /// The maximum time for connecting to one of them.
    package let connectTimeout: Duration

    /// The settings that apply unless the connection string names others.
    static let defaults = [
        ("target_session_attrs", "read-write"), ("connect_timeout", "3"), ("tcp_user_timeout", "4000"),
        ("keepalives", "1"), ("keepalives_idle", "5"), ("keepalives_interval", "2"), ("keepalives_count", "2"),
        ("application_name", "relay"),
    ]
    /// The settings that always apply.
    private static let fixed = [("client_encoding", "UTF8")]

    package var count: Int { targets.count }

    /// Parses a connection string: a URI, or keywords and values.
    package init(_ connection: Secret) throws(Problem) {
        var values = try Self.parse(connection.revealed)
        for (keyword, value) in Self.defaults where values[keyword] == nil { values[keyword] = value }
        for (keyword, value) in Self.fixed { values[keyword] = value }
        guard let seconds = values["connect_timeout"].flatMap({ Int($0.trimmed) }), (0...3600).contains(seconds) else {
            throw .option("connect_timeout")
        }
        // libpq waits for ever if it is 0, and 2 seconds at least.
        connectTimeout = seconds == 0 ? .seconds(60) : .seconds(max(seconds, 2))
        targets = try Self.split(values).map { values in
            Target(options: values.sorted { $0.key < $1.key }.map { ($0.key, Secret($0.value)) })
        }
    }

    /// Whether a host is not on this machine and its certificate is not verified.
    package var isUnverified: Bool {
        targets.contains { target in
            let values = Dictionary(uniqueKeysWithValues: target.options.map { ($0.keyword, $0.value.revealed) })
            let host = values["hostaddr"] ?? values["host"] ?? ""
            let isLocal =
                host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@")
                || ["localhost", "127.0.0.1", "::1"].contains(host)
            return !isLocal && values["sslmode"] != "verify-full"
        }
    }

    /// libpq's error is not kept, because it quotes parts of the connection string.
    private static func parse(_ text: String) throws(Problem) -> [String: String] {
        guard !text.utf8.contains(0) else { throw .malformed }
        var message: UnsafeMutablePointer<CChar>?
        defer { PQfreemem(message) }
        guard let options = PQconninfoParse(text, &message) else { throw .malformed }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return values
    }

    /// One set of settings for each host.
    private static func split(_ values: [String: String]) throws(Problem) -> [[String: String]] {
        let list = { (keyword: String) in
            values[keyword].map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        }
        let (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port"))
        let count = max(hosts?.count ?? 0, addresses?.count ?? 0, 1)
        guard count <= 16 else { throw .option("host") }
        if let hosts, let addresses, hosts.count != addresses.count { throw .option("hostaddr") }
        if let ports, ports.count > 1, ports.count != count { throw .ports(ports.count, hosts: count) }
        for port in ports ?? [] where !port.isEmpty {
            guard let number = Int(port.trimmed), (1...65_535).contains(number) else { throw .option("port") }
        }
        return (0..<count).map { index in
            var one = values
            one["host"] = hosts?[index]
            one["hostaddr"] = addresses?[index]
            one["port"] = ports.map { $0.count > 1 ? $0[index] : $0[0] }
            return one.filter { !$0.value.isEmpty }
        }
    }
}

extension PostgreSQLServers.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed:
            "is not a connection string of libpq: postgresql://… or keyword=value pairs; percent-encode special "
                + "characters of a password in a URI"
        case .ports(let ports, let hosts): "has \(ports) ports for \(hosts) hosts"
        case .option(let name): "has an invalid value of \(name)"
        }
    }
}
