/// The route of a request, by its path.
enum Route: Equatable, Sendable {
    case hook(id: String, token: String)
    /// A path below `/hooks` with too few or too many segments.
    case wrongHookPath
    case messages
    case messageCount
    case faults
    case page
    case health
    /// The outgoing webhook's configuration and calls.
    case outgoing
    /// A person types a message.
    case typing
    /// A person presses a message's button.
    case press
    /// Any other path, which Meteor's web server answers.
    case outside

    init(path: String) {
        switch path {
        case "/": self = .page
        case "/messages": self = .messages
        case "/messages/count": self = .messageCount
        case "/faults": self = .faults
        case "/health": self = .health
        case "/outgoing": self = .outgoing
        case "/type": self = .typing
        case "/press": self = .press
        default: self.init(hookPath: path)
        }
    }

    /// The segment between id and token of the old form, a user's id, is ignored (docs/rocketchat.md section 1.1).
    private init(hookPath path: String) {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard segments.first == "hooks" else {
            self = .outside
            return
        }
        let parameters = segments.dropFirst().map(String.init)
        guard parameters.count == 2 || parameters.count == 3, !parameters.contains("") else {
            self = .wrongHookPath
            return
        }
        self = .hook(id: parameters[0], token: parameters[parameters.count - 1])
    }
}
