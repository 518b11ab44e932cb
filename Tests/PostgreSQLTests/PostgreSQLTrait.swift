import TestSupport
import Testing

extension Trait where Self == ConditionTrait {
    /// CI installs PostgreSQL (.ci/setup), so that the tests run there.
    static var needsPostgreSQL: Self {
        .enabled(
            if: PostgreSQLPrograms.areUsable,
            "SKIPPED: PostgreSQL is not installed (Debian's package postgresql), so nothing is shown")
    }
}
