import Support

/// A schema of the journal in PostgreSQL: its tables and functions, and their versions.
///
/// Each change of the journal is one call of a function, and so one transaction without state in the session. Functions
/// carry a version. A migration only adds to the schema, so that two versions of the relay can use it at once: the
/// functions of a version must remain as long as `oldest` permits that version.
package struct DatabaseSchema: Sendable {
    /// One step of the schema's history. Released migrations must not change.
    package struct Migration: Sendable {
        /// Returns the SQL. The parameter is the quoted name of the schema.
        package var sql: @Sendable (String) -> String
        /// The oldest version of the relay's schema that may use the database afterwards.
        package var oldest: Int

        package init(oldest: Int, sql: @escaping @Sendable (String) -> String) {
            self.sql = sql
            self.oldest = oldest
        }
    }

    package static let migrations = [
        Migration(oldest: 1) { schema in
            tables(schema) + settleFunction(schema) + appendFunction(schema) + exchangeFunction(schema)
                + leaseFunctions(schema) + deadLetterFunctions(schema) + upkeepFunctions(schema)
        }
    ]

    /// Not quoted: lower-case letters, digits and underscores.
    package let name: String
    private let migrations: [Migration]

    /// The first key of the advisory locks, "rely" in ASCII. The second one is the object identifier of the table
    /// `notification`, or for migrations a hash of the schema's name.
    static let lockClass = 0x7265_6C79

    /// Returns nil if the name is not 1 to 48 lower-case letters, digits and underscores, or begins with a digit or
    /// `pg_`.
    package init?(name: String, migrations: [Migration] = DatabaseSchema.migrations) {
        let isPlain = name.unicodeScalars.allSatisfy { $0.isDigit || ("a"..."z").contains($0) || $0 == "_" }
        guard isPlain, (1...48).contains(name.utf8.count), name.unicodeScalars.first?.isDigit == false,
            !name.hasPrefix("pg_")
        else { return nil }
        self.name = name
        self.migrations = migrations
    }

    var quoted: String { "\"\(name)\"" }

    /// The version that this relay knows.
    package var version: Int { migrations.count }

    /// One statement that creates the schema or brings it up to date. Concurrent calls wait for each other. It does
    /// nothing if the schema is current, and fails if a later version excludes this relay.
    package var migration: String {
        let steps = migrations.enumerated().map { index, migration in
            """
            IF found.schema < \(index + 1) THEN
                EXECUTE $relay_step$\(migration.sql(quoted))$relay_step$;
                UPDATE \(quoted).version SET schema = \(index + 1), oldest = \(migration.oldest);
            END IF;
            """
        }
        return """
            DO $relay_migrate$
            DECLARE
                found record;
            BEGIN
                PERFORM set_config('synchronous_commit', 'on', true), set_config('lock_timeout', '10s', true);
                PERFORM pg_advisory_xact_lock(\(Self.lockClass), hashtext('\(name)'));
                IF to_regnamespace('\(quoted)') IS NULL THEN
                    CREATE SCHEMA \(quoted);
                END IF;
                IF to_regclass('\(quoted).version') IS NULL THEN
                    CREATE TABLE \(quoted).version (
                        single boolean PRIMARY KEY DEFAULT true CHECK (single),
                        schema integer NOT NULL,
                        oldest integer NOT NULL
                    );
                    INSERT INTO \(quoted).version (schema, oldest) VALUES (0, 0);
                END IF;
                SELECT schema, oldest INTO STRICT found FROM \(quoted).version;
                IF found.oldest > \(version) THEN
                    RAISE EXCEPTION USING ERRCODE = '\(PostgreSQLFailure.newerSchemaState)',
                        MESSAGE = 'a later version of the relay has changed the schema';
                END IF;
                \(steps.joined(separator: "\n"))
            END
            $relay_migrate$
            """
    }
}

extension DatabaseSchema {
    /// `queue` is the receiver's number in the bits from 2 on, and the severity in the bits 0 and 1. `id` is a
    /// `JournalID`. Times of notifications are in nanoseconds since 1970-01-01T00:00:00Z, by the relay's clock.
    ///
    /// `seen` has the last accepted state of each group. It has no index on its time, so that updates are in place
    /// (HOT). `shown` has the bodies that a room was shown while its group had dead letters, until a relay merges them
    /// into `later_states`. `hook` has times by the server's clock; `component` has rows that the journal does not
    /// interpret.
    private static func tables(_ schema: String) -> String {
        """
        CREATE SEQUENCE \(schema).sequence MINVALUE 1 MAXVALUE \((1 << 50) - 1);
        CREATE TABLE \(schema).receiver (
            number smallint PRIMARY KEY CHECK (number BETWEEN 1 AND 255),
            name text NOT NULL UNIQUE
        );
        CREATE TABLE \(schema).notification (
            queue smallint NOT NULL CHECK (queue BETWEEN 0 AND 1023),
            id bigint NOT NULL,
            group_id bigint NOT NULL,
            accepted_at bigint NOT NULL,
            is_resolved boolean NOT NULL,
            is_replayed boolean NOT NULL,
            repeats integer,
            crc bigint NOT NULL,
            body bytea NOT NULL,
            PRIMARY KEY (queue, id)
        ) WITH (autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_vacuum_scale_factor = 0.01);
        CREATE TABLE \(schema).seen (
            group_id bigint PRIMARY KEY,
            state bytea NOT NULL,
            reason smallint NOT NULL,
            repeats integer,
            at timestamptz NOT NULL
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
        CREATE TABLE \(schema).dead_letter (
            id bigint PRIMARY KEY,
            queue smallint NOT NULL,
            group_id bigint NOT NULL,
            accepted_at bigint NOT NULL,
            is_resolved boolean NOT NULL,
            crc bigint NOT NULL,
            body bytea NOT NULL,
            died_at bigint NOT NULL,
            reason text NOT NULL,
            attempts bigint NOT NULL,
            answer text
        );
        CREATE TABLE \(schema).later_states (
            id bigint PRIMARY KEY,
            queue smallint NOT NULL,
            group_id bigint NOT NULL,
            accepted_as bigint NOT NULL,
            states bytea NOT NULL DEFAULT ''
        );
        CREATE INDEX later_states_group ON \(schema).later_states (group_id);
        CREATE TABLE \(schema).shown (
            queue smallint NOT NULL,
            group_id bigint NOT NULL,
            position bigint NOT NULL,
            body bytea NOT NULL,
            PRIMARY KEY (queue, group_id, position)
        );
        CREATE TABLE \(schema).history (
            number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at bigint NOT NULL,
            entries integer NOT NULL,
            body bytea NOT NULL
        ) WITH (autovacuum_vacuum_scale_factor = 0.01);
        CREATE TABLE \(schema).hook (
            key bytea PRIMARY KEY,
            posts timestamptz[] NOT NULL,
            paused_until timestamptz,
            failing_since timestamptz,
            posting_since timestamptz,
            through bigint NOT NULL,
            form smallint NOT NULL,
            written_at timestamptz NOT NULL
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);
        CREATE TABLE \(schema).component (
            key bytea PRIMARY KEY,
            value bytea NOT NULL
        );
        CREATE TABLE \(schema).lease (
            single boolean PRIMARY KEY DEFAULT true CHECK (single),
            epoch bigint NOT NULL,
            beat bigint NOT NULL,
            holder text,
            pending_bytes bigint NOT NULL
        ) WITH (fillfactor = 10);
        INSERT INTO \(schema).lease (epoch, beat, pending_bytes) VALUES (0, 0, 0);
        CREATE FUNCTION \(schema).id_1(sequence bigint, queue smallint) RETURNS bigint
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $function$
            SELECT CASE WHEN queue < 4 THEN (sequence << 4) + queue
                ELSE (sequence << 12) + ((queue >> 2) << 4) + 4 + (queue & 3) END
        $function$;
        CREATE FUNCTION \(schema).start_1(quorum boolean) RETURNS void
        LANGUAGE plpgsql \(safePath) AS $function$
        BEGIN
            PERFORM set_config('synchronous_commit', 'on', true), set_config('lock_timeout', '3s', true);
            IF quorum AND btrim(current_setting('synchronous_standby_names')) = '' THEN
                RAISE EXCEPTION USING ERRCODE = '\(PostgreSQLFailure.notDurableState)',
                    MESSAGE = 'synchronous_standby_names is empty';
            END IF;
        END
        $function$;

        """
    }

    /// Keeps functions from using objects of other schemas.
    static let safePath = "SET search_path = pg_catalog, pg_temp"
    /// Waits until all other appends have committed, including their wait for standbys.
    static func lock(_ schema: String) -> String {
        "PERFORM pg_advisory_xact_lock(\(lockClass), '\(schema).notification'::regclass::oid::integer);"
    }
    /// A transaction that changes nothing would not wait for standbys, although what it saw may not have reached them.
    static let waitForStandbys = "PERFORM pg_logical_emit_message(true, 'relay', '');"
}
