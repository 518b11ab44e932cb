/// Finds environment variables that look like settings of the relay and are none.
///
/// A misspelt credential would leave the listener open without a word, so such a variable is a problem.
enum UnknownVariables {
    /// Variables that may be present and are no settings: those of the build and of its images.
    static let others: Set<String> = ["RELAY_REVISION", "RELAY_VERSION"]

    /// Names beside `Setting.all` that are read.
    private static let special = [SettingLookup.port.shown, "RELAY_CONFIG"]

    /// Keys that only the file has.
    private static let ofFile = ["RECEIVERS", "TEMPLATES", "WATCHDOG"]

    private static let known: Set<String> = Set(special + Setting.all.flatMap(\.names).map(\.shown))

    /// The variables that a name may have been meant to be: the `_FILE` twins only where it is one itself.
    private static func candidates(for name: String) -> [String] {
        special + Setting.all.map { $0.isSecret && name.hasSuffix("_FILE") ? $0.name.file.shown : $0.variable }
    }

    /// One problem for each unknown variable, in the order of their names. Holds no value.
    static func problems(in environment: [String: String]) -> [ConfigurationProblem] {
        let unknown = environment.filter { isUnknown($0.key, $0.value) && !isOfLink($0.key, environment) }.keys
        return unknown.sorted().map { name in
            // Long names are nobody's typing error; comparing them would only take time.
            let meant = String(name.uppercased().prefix(100))
            let nearest = NearestName.best(for: meant, among: candidates(for: meant))
            let isOfFile = ofFile.contains { meant.hasPrefix("RELAY_" + $0) }
            let hint = isOfFile ? ", but of the file only" : nearest.map { "; did you mean \($0)?" } ?? ""
            return ConfigurationProblem(key: printable(name), message: "is not a setting of the relay\(hint)")
        }
    }

    private static func isUnknown(_ name: String, _ value: String) -> Bool {
        let upper = name.uppercased()
        guard upper.hasPrefix("RELAY_") || upper.hasPrefix("ROCKETCHAT_") else { return false }
        return !known.contains(name) && !others.contains(name) && !isOfKubernetes(name, value)
    }

    /// Kubernetes sets variables for each service of the namespace, among them those called relay or rocketchat, and
    /// those whose names begin so: `RELAY_SERVICE_HOST`, `RELAY_PORT=tcp://10.0.0.1:8093`, `RELAY_PORT_8093_TCP_ADDR`.
    private static func isOfKubernetes(_ name: String, _ value: String) -> Bool {
        if name.hasSuffix("_SERVICE_HOST") { return true }
        if name.hasSuffix("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") { return isNumber(value) }
        if name.hasSuffix("_PORT"), isAddress(value) { return true }
        // RELAY_PORT_8093_TCP, and with what follows here.
        var words = name.split(separator: "_")
        if let last = words.last, ["PROTO", "PORT", "ADDR"].contains(last) { words.removeLast() }
        guard let transport = words.popLast(), ["TCP", "UDP", "SCTP"].contains(transport) else { return false }
        guard let number = words.popLast(), isNumber(number) else { return false }
        return words.last == "PORT"
    }

    private static func isAddress(_ value: String) -> Bool {
        ["tcp://", "udp://", "sctp://"].contains(where: value.hasPrefix)
    }

    /// Docker's links between containers give the name and the variables of the other container too.
    private static func isOfLink(_ name: String, _ environment: [String: String]) -> Bool {
        let alias = name.hasPrefix("RELAY_") ? "RELAY" : "ROCKETCHAT"
        guard let address = environment[alias + "_PORT"], isAddress(address) else { return false }
        return name.hasPrefix(alias + "_ENV_") || (name == alias + "_NAME" && environment[name]?.hasPrefix("/") == true)
    }

    private static func isNumber(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func printable(_ name: String) -> String {
        String(
            String.UnicodeScalarView(name.unicodeScalars.prefix(100).map { $0.isASCII && $0.value > 0x20 ? $0 : "?" }))
    }
}

/// Finds the known name that an unknown one was most likely meant to be.
enum NearestName {
    /// The nearest of `known`, or nil if none is near: fewer than a third of the letters differ, at least two.
    static func close(to name: String, among known: [String]) -> String? {
        let best = known.map { (distance($0, name), $0) }.min { $0 < $1 }
        guard let best, best.0 <= max(2, name.count / 3) else { return nil }
        return best.1
    }

    /// The nearest of `known` however far it is; nil only if `known` is empty.
    ///
    /// Names are compared word by word first, since people leave words out or swap them more often than they mistype
    /// most of a name: `RELAY_TOKEN` is `RELAY_AUTH_TOKEN` and not `RELAY_LISTEN`.
    static func best(for name: String, among known: [String]) -> String? {
        if let typo = known.min(by: { (distance($0, name), $0) < (distance($1, name), $1) }), distance(typo, name) <= 2
        {
            return typo
        }
        let wanted = words(of: name)
        func rank(_ candidate: String) -> (Int, Int, Int, String) {
            let words = words(of: candidate)
            let shared = wanted.count { word in words.contains { distance($0, word) <= (word.count > 3 ? 1 : 0) } }
            return (-shared, max(0, words.count - wanted.count), distance(candidate, name), candidate)
        }
        return known.min { rank($0) < rank($1) }
    }

    /// Without the program's own names, which say nothing.
    private static func words(of name: String) -> [Substring] {
        name.split(separator: "_").filter { !["RELAY", "ROCKETCHAT", "FILE"].contains($0) }
    }

    /// How many letters must be changed, added or left out (Levenshtein).
    private static func distance(_ left: some StringProtocol, _ right: some StringProtocol) -> Int {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        var row = Array(0...right.count)
        for (index, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let change = diagonal + (byte == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(change, min(row[column], diagonal) + 1)
            }
        }
        return row[right.count]
    }
}
