/// The properties of a server and its schema that a journal depends on.
package struct DatabaseCheck: Sendable, Equatable {
    /// As `server_version_num`: 150018 for 15.18.
    package var serverVersion: Int64
    package var isStandby: Bool
    package var encoding: String
    package var isolation: String
    package var isFsyncOn: Bool
    package var isFullPageWritesOn: Bool
    /// `synchronous_standby_names`; empty if commits wait for no standby.
    package var standbys: String
    /// The version of the schema; nil if there is none.
    package var schema: Int?
    /// The oldest version of the relay's schema that may use it.
    package var oldest = 0
    /// The tables and functions to which the role has no rights.
    package var forbidden: [String] = []

    /// What an operator must change before a relay may use the database, each in a sentence.
    ///
    /// - Parameters:
    ///   - known: the version of the schema that the relay knows.
    ///   - requiresStandbys: whether several replicas rely on the journal, and the storage does not replicate itself.
    package func problems(known: Int, requiresStandbys: Bool) -> [String] {
        var problems: [String] = []
        if serverVersion < 130_000 { problems.append("PostgreSQL 13 or later is required") }
        if isStandby { problems.append("the server is a standby and does not accept writes") }
        if encoding != "UTF8" { problems.append("the database's encoding is \(encoding), and must be UTF8") }
        if isolation != "read committed" {
            problems.append("default_transaction_isolation is \(isolation), and must be read committed")
        }
        if !isFsyncOn { problems.append("fsync is off: a power failure loses accepted alerts") }
        if !isFullPageWritesOn {
            problems.append("full_page_writes is off: a power failure can damage the database")
        }
        if requiresStandbys, standbys.isEmpty {
            problems.append(
                "synchronous_standby_names is empty: a lost server loses accepted alerts. Name the standbys, as in "
                    + "'ANY 1 (a, b)', or set the durability to server if the storage replicates itself")
        }
        switch schema {
        case nil: problems.append("the schema does not exist: run relay database migrate")
        case let found? where oldest > known:
            problems.append("the schema has version \(found), which this relay is too old for")
        case let found? where found < known:
            problems.append("the schema has version \(found), and \(known) is needed: run relay database migrate")
        default: break
        }
        if !forbidden.isEmpty { problems.append("the role has no rights to " + forbidden.joined(separator: ", ")) }
        return problems
    }
}

extension DatabaseJournal {
    /// Reads the properties of the server and the schema. Changes nothing.
    package func check() throws(PostgreSQLFailure) -> DatabaseCheck {
        let rows = try read(
            """
            SELECT current_setting('server_version_num')::bigint, pg_is_in_recovery(),
                current_setting('server_encoding'), current_setting('default_transaction_isolation'),
                current_setting('fsync')::boolean, current_setting('full_page_writes')::boolean,
                btrim(current_setting('synchronous_standby_names')),
                CASE WHEN to_regnamespace('\(schema.quoted)') IS NULL THEN false
                    WHEN NOT has_schema_privilege(to_regnamespace('\(schema.quoted)')::oid, 'USAGE') THEN false
                    ELSE to_regclass('\(schema.quoted).version') IS NOT NULL END
            """)
        var check = DatabaseCheck(
            serverVersion: try rows.integer(0, 0, in: Self.counts), isStandby: try rows.bool(0, 1),
            encoding: rows.text(0, 2) ?? "", isolation: rows.text(0, 3) ?? "", isFsyncOn: try rows.bool(0, 4),
            isFullPageWritesOn: try rows.bool(0, 5), standbys: rows.text(0, 6) ?? "")
        guard try rows.bool(0, 7) else { return check }
        let version = try read("SELECT schema, oldest FROM \(schema.quoted).version")
        check.schema = Int(try version.integer(0, 0, in: 0...1_000_000))
        check.oldest = Int(try version.integer(0, 1, in: 0...1_000_000))
        let forbidden = try read(
            """
            SELECT relname::text FROM pg_class
            WHERE relnamespace = '\(schema.quoted)'::regnamespace AND relkind IN ('r', 'S')
                AND NOT CASE relkind WHEN 'S' THEN has_sequence_privilege(oid, 'UPDATE')
                    ELSE has_table_privilege(oid, 'SELECT') AND (relname = 'version'
                        OR has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE')
                            AND has_table_privilege(oid, 'DELETE')) END
            UNION ALL
            SELECT proname::text FROM pg_proc
            WHERE pronamespace = '\(schema.quoted)'::regnamespace AND NOT has_function_privilege(oid, 'EXECUTE')
            ORDER BY 1 LIMIT 50
            """)
        for row in 0..<forbidden.count { check.forbidden.append(forbidden.text(row, 0) ?? "") }
        return check
    }
}
