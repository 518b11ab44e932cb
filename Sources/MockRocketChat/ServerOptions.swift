/// What the command line settles.
struct ServerOptions: Sendable {
    var profile = ServerProfile.h80
    /// Message_MaxAllowedSize, in UTF-16 code units.
    var textLimit = 5000
    /// nil for the profile's own.
    var limit: RateLimiter.Limit?
    /// `id/token` of the known integrations; any where empty.
    var hooks: Set<String> = []
}
