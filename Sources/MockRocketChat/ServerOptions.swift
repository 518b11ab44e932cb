/// The settings from the command line.
struct ServerOptions: Sendable {
    var profile = ServerProfile.h80
    /// Message_MaxAllowedSize, in UTF-16 code units.
    var textLimit = 5000
    /// nil for the profile's limit.
    var limit: RateLimiter.Limit?
    /// `id/token` of the known integrations; empty to accept any.
    var hooks: Set<String> = []
}
