/// Why the JSON of a fault is invalid.
struct FaultError: Error, Equatable {
    var reason: String
}

extension Fault {
    /// Parses one fault. An unknown member is an error, so that a test cannot misspell one unnoticed.
    init(_ value: JSONValue) throws(FaultError) {
        guard let members = value.members else { throw FaultError(reason: "a fault is a JSON object") }
        var hasMode = false
        for member in members {
            hasMode = hasMode || member.name == "mode"
            try set(member.name, member.value)
        }
        if !hasMode && (status != nil || body != nil) { mode = .reply }
        source = value
    }

    private mutating func set(_ name: String, _ value: JSONValue) throws(FaultError) {
        switch name {
        case "hook": hook = value == .null || value.stringValue == "*" ? nil : try value.required(name, \.stringValue)
        case "containing": text = Array(try value.required(name, \.stringValue).utf8)
        case "times": timesLeft = value == .null ? nil : try value.number(name, in: -1_000_000_000...1_000_000_000)
        case "mode": mode = try value.choice(name)
        case "status": status = try value.number(name, in: 100...999)
        case "body": body = value.stringValue ?? String(decoding: value.bytes, as: UTF8.self)
        case "contentType": contentType = try value.required(name, \.stringValue)
        case "headers": headers = try Self.headers(value)
        case "delayMs": delay = try value.number(name, in: 0...Fault.longestDelay)
        case "jitterMs": jitter = try value.number(name, in: 0...Fault.longestDelay)
        case "growMs": growth = try value.number(name, in: 0...Fault.longestDelay)
        case "bytes": bytes = try value.number(name, in: 0...1 << 30)
        case "location": location = try value.required(name, \.stringValue)
        case "retryAfter": retryAfter = try value.number(name, in: -1_000_000_000...1_000_000_000)
        case "records": recordsAnyway = try value.required(name, \.boolValue)
        case "limiter": limit = try Self.limit(value)
        case "integration": try Self.read(value, into: &integration)
        default: throw FaultError(reason: "unknown member \"\(name)\" of a fault")
        }
    }

    private static func headers(_ value: JSONValue) throws(FaultError) -> [HookReply.Header] {
        var headers: [HookReply.Header] = []
        for member in try value.required("headers", \.members) {
            headers.append(.init(name: member.name, value: try member.value.required(member.name, \.stringValue)))
        }
        return headers
    }

    private static func limit(_ value: JSONValue) throws(FaultError) -> RateLimiter.Limit {
        var limit = RateLimiter.Limit(mode: .enforced)
        for member in try value.required("limiter", \.members) {
            switch member.name {
            case "max": limit.calls = try member.value.number("max", in: 0...RateLimiter.Limit.mostCalls)
            case "windowMs": limit.window = try member.value.number("windowMs", in: 0...RateLimiter.Limit.longestWindow)
            case "mode": limit.mode = try member.value.choice("mode")
            default: throw FaultError(reason: "unknown member \"\(member.name)\" of limiter")
            }
        }
        return limit
    }

    private static func read(_ value: JSONValue, into integration: inout Integration) throws(FaultError) {
        for member in try value.required("integration", \.members) {
            let (name, value) = (member.name, member.value)
            switch name {
            case "known": integration.isKnown = try value.required(name, \.boolValue)
            case "enabled": integration.isEnabled = try value.required(name, \.boolValue)
            case "user": integration.hasUser = try value.required(name, \.boolValue)
            case "impersonate": integration.mayImpersonate = try value.required(name, \.boolValue)
            case "overrideChannel": integration.mayOverrideChannel = try value.required(name, \.boolValue)
            case "mentionAll": integration.mayMentionAll = try value.required(name, \.boolValue)
            case "room": integration.room = try value.choice(name)
            case "rooms":
                for room in try value.required(name, \.members) {
                    integration.rooms[room.name] = try room.value.choice("rooms")
                }
            case "script": integration.script = try script(value)
            default: throw FaultError(reason: "unknown member \"\(name)\" of integration")
            }
        }
    }

    private static func script(_ value: JSONValue) throws(FaultError) -> Integration.Script {
        switch value {
        case .string("fails"): return .fails
        case .string("noContent"): return .noContent
        default:
            if let error = value["error"]?.stringValue { return .error(error) }
            if let response = value["response"]?.members { return .response(response) }
            throw FaultError(reason: "script is \"fails\", \"noContent\", {\"error\":…} or {\"response\":{…}}")
        }
    }
}

extension JSONValue {
    /// The value as the required type. Throws if it has another type.
    fileprivate func required<Value>(
        _ name: String, _ read: (JSONValue) -> Value?
    ) throws(FaultError) -> Value {
        guard let value = read(self) else { throw FaultError(reason: "\"\(name)\" cannot be a \(typeName)") }
        return value
    }

    /// A whole number. Throws if it is out of range.
    fileprivate func number(_ name: String, in range: ClosedRange<Int>) throws(FaultError) -> Int {
        let number = try required(name, \.intValue)
        if range.contains(number) { return number }
        throw FaultError(reason: "\"\(name)\" is a whole number from \(range.lowerBound) to \(range.upperBound)")
    }

    fileprivate func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String
    ) throws(FaultError) -> Choice where Choice.RawValue == String {
        if let choice = stringValue.flatMap(Choice.init(rawValue:)) { return choice }
        let names = Choice.allCases.map(\.rawValue).joined(separator: " ")
        throw FaultError(reason: "\"\(name)\" is one of: \(names)")
    }
}
