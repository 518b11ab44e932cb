/// What is wrong with an entry of the users. It never holds a hash, nor anything that could be one.
struct BasicAuthenticationError: Error, Equatable, CustomStringConvertible {
    enum Problem: Equatable {
        case noColon
        case noUser
        case hashFirst
        case controlCharacter
        case repeated
        case notBcrypt
        case cost(Int)

        var explanation: String {
            switch self {
            case .noColon: "is not of the form user:bcrypt-hash"
            case .noUser: "names no user before the colon"
            case .hashFirst: "begins with a hash; the user comes first, as in user:bcrypt-hash"
            case .controlCharacter: "holds a control character"
            case .repeated: "is given more than once"
            case .notBcrypt: "has no bcrypt hash ($2a$, $2b$ or $2y$, 60 characters); htpasswd -nB makes one"
            case .cost(let cost):
                "has a bcrypt hash of cost \(cost), which takes seconds to check; "
                    + "the highest allowed is \(BcryptHash.costs.upperBound)"
            }
        }
    }

    /// Counted from 1.
    let entry: Int
    /// Nil where it is not certain to be a name.
    let user: String?
    let problem: Problem

    var description: String {
        "\(user.map { "user \"\($0)\"" } ?? "entry \(entry)") \(problem.explanation)"
    }
}
