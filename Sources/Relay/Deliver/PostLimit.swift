/// At most so many posts in any stretch of time of that length.
struct PostLimit: Sendable, Hashable {
    let posts: Int
    let window: Duration

    init(posts: Int, per window: Duration) {
        precondition(posts > 0 && window > .zero, "a limit that lets nothing through")
        self.posts = posts
        self.window = window
    }

    /// The same number of posts, evenly: one in each part of the window. Whoever keeps to both limits has news that is
    /// never older than one part, and still posts at once into a quiet room.
    var spread: PostLimit { PostLimit(posts: 1, per: window / posts) }

    /// Rocket.Chat's default (contract section 2).
    static let rocketChat = PostLimit(posts: 10, per: .seconds(60))
}
