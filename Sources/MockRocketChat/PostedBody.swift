/// What a server makes of a request's body (docs/rocketchat.md section 1.2).
enum PostedBody: Equatable {
    /// The response is success and no message is posted.
    case nothing
    case object(JSONValue, raw: [UInt8])
    /// The response is success and a message without text or attachments is posted.
    case emptyMessage
    case refused(HookReply)

    static func read(_ bytes: [UInt8], contentType: String?, profile: ServerProfile) -> PostedBody {
        if bytes.isEmpty { return .nothing }
        let parts = (contentType ?? "").lowercased().split(separator: ";", maxSplits: 1)
        let mediaType = (parts.first ?? "").trimmed
        switch mediaType {
        case "application/json":
            return json(bytes, profile: profile)
        case "application/x-www-form-urlencoded" where parts.count == 1 || !profile.wantsFormTypeBare:
            return form(bytes, profile: profile)
        default:
            return profile.spreadsPlainText ? .emptyMessage : .nothing
        }
    }

    private static func json(_ bytes: [UInt8], profile: ServerProfile) -> PostedBody {
        do {
            return interpret(try JSONParser.parse(bytes), raw: bytes)
        } catch {
            return profile.isHono ? .nothing : .refused(.malformedJSON(error))
        }
    }

    /// An empty object counts as no body; an array or a primitive is dropped.
    private static func interpret(_ value: JSONValue, raw: [UInt8]) -> PostedBody {
        guard let members = value.members, !members.isEmpty else { return .nothing }
        return .object(value, raw: raw)
    }

    private static func form(_ bytes: [UInt8], profile: ServerProfile) -> PostedBody {
        let form = FormBody(bytes)
        guard form.names == ["payload"], let payload = form["payload"] else {
            return profile.readsFormAsJSON ? json(bytes, profile: profile) : .emptyMessage
        }
        do {
            let value = try JSONParser.parse(payload)
            if value.members == nil && profile.checksFormPayload {
                return .refused(.failure("Integration payload must be a JSON object, not an array or primitive"))
            }
            return interpret(value, raw: payload)
        } catch {
            if profile.checksFormPayload { return .emptyMessage }
            if profile.isHono { return .nothing }
            return .refused(.failure("\(error.reason) in JSON at position \(error.offset)"))
        }
    }
}

extension StringProtocol {
    /// The text without the white space that JavaScript's `trim` removes: Unicode's, line ends and U+FEFF.
    var trimmed: String {
        func isSpace(_ scalar: Unicode.Scalar) -> Bool {
            scalar == "\u{FEFF}" || (scalar.properties.isWhitespace && scalar != "\u{85}")
        }
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !isSpace($0) }),
            let last = scalars.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(String.UnicodeScalarView(scalars[first...last]))
    }
}
