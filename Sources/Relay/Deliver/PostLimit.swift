/// At most so many posts in any stretch of time of that length.
struct PostLimit: Sendable, Hashable {
    let posts: Int
    let window: Duration

    init(posts: Int, per window: Duration) {
        precondition(posts > 0 && window > .zero, "a limit that lets nothing through")
        self.posts = posts
        self.window = window
    }

    /// Rocket.Chat's default (contract section 2).
    static let rocketChat = PostLimit(posts: 10, per: .seconds(60))
}
