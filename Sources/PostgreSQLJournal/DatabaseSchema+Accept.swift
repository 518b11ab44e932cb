extension DatabaseSchema {
    /// The parameters of a settlement, as names and types. `outcome` is 0 for delivered, 1 for expired, 2 for dead.
    static let settlementParameters = """
        queues smallint[], ids bigint[], outcomes smallint[], reasons text[], attempts bigint[], answers text[],
        continued boolean[], records bytea[], entries bigint[], moment bigint
        """
    private static let settlementNames =
        "queues, ids, outcomes, reasons, attempts, answers, continued, records, entries, moment"

    /// `settle_1` deletes settled notifications, moves dead ones to the dead letters, and writes the history. Ids that
    /// are not pending are ignored. Returns the number of settled ones.
    ///
    /// - The rows are locked in the order of their ids, so that two replicas that settle the same ones do not deadlock.
    /// - The dead are left pending if `may_kill` is false: only the holder of the tenure may give up.
    /// - A record belongs to its settlement and to those before it that are continued. It is written if one of them was
    ///   pending.
    static func settleFunction(_ schema: String) -> String {
        """
        CREATE FUNCTION \(schema).settle_1(\(settlementParameters), may_kill boolean) RETURNS bigint
        LANGUAGE plpgsql \(safePath) AS $function$
        #variable_conflict use_column
        DECLARE
            settled bigint;
        BEGIN
            IF cardinality(ids) = 0 THEN
                RETURN 0;
            END IF;
            PERFORM 1 FROM \(schema).notification n JOIN unnest(queues, ids) AS w (queue, id) USING (queue, id)
            ORDER BY n.queue, n.id FOR UPDATE OF n;
            WITH wanted AS (
                SELECT * FROM unnest(queues, ids, outcomes, reasons, attempts, answers, continued, records, entries)
                WITH ORDINALITY AS w (queue, id, outcome, reason, attempts, answer, continued, record, entries, place)
            ), deleted AS (
                DELETE FROM \(schema).notification n USING wanted w
                WHERE n.queue = w.queue AND n.id = w.id AND (w.outcome <> 2 OR may_kill)
                RETURNING n.*, w.outcome, w.reason, w.attempts, w.answer, w.place
            ), letters AS (
                INSERT INTO \(schema).dead_letter (id, queue, group_id, accepted_at, is_resolved, crc, body, died_at,
                    reason, attempts, answer)
                SELECT id, queue, group_id, accepted_at, is_resolved, crc, body, moment, reason, attempts, answer
                FROM deleted WHERE outcome = 2
            ), remembered AS (
                INSERT INTO \(schema).later_states (id, queue, group_id, accepted_as)
                SELECT id, queue, group_id, id FROM deleted WHERE outcome = 2
                ON CONFLICT (id) DO NOTHING
            ), delivered AS (
                SELECT d.*, coalesce(l.accepted_as, d.id) AS position
                FROM deleted d LEFT JOIN \(schema).later_states l ON l.id = d.id
                WHERE d.outcome = 0
            ), shown AS (
                INSERT INTO \(schema).shown (queue, group_id, position, body)
                SELECT d.queue, d.group_id, d.position, d.body FROM delivered d
                WHERE EXISTS (
                    SELECT FROM \(schema).later_states l
                    WHERE l.group_id = d.group_id AND l.queue = d.queue AND l.accepted_as < d.position
                ) OR EXISTS (
                    SELECT FROM deleted o WHERE o.outcome = 2 AND o.group_id = d.group_id AND o.queue = d.queue
                        AND o.id < d.position AND o.place < d.place
                )
                ON CONFLICT (queue, group_id, position) DO NOTHING
            ), forgotten AS (
                DELETE FROM \(schema).later_states l USING deleted d WHERE l.id = d.id AND d.outcome <> 2
            ), chains AS (
                SELECT place, record, w.entries,
                    count(*) FILTER (WHERE NOT continued) OVER (ORDER BY place) - (NOT continued)::integer AS chain
                FROM wanted w
            ), written AS (
                INSERT INTO \(schema).history (at, entries, body)
                SELECT moment, c.entries::integer, c.record FROM chains c
                WHERE c.record IS NOT NULL AND c.chain IN (
                    SELECT s.chain FROM chains s JOIN deleted d ON d.place = s.place
                )
                ORDER BY c.place
            )
            SELECT count(*) INTO settled FROM deleted;
            RETURN settled;
        END
        $function$;

        """
    }

    /// `append_1` stores the payloads that are no duplicates. It settles, and writes rows of components and history
    /// records in the same transaction. Returns the number of each stored payload (from 1), the sequence number of its
    /// first notification and its repeats.
    ///
    /// - A payload is a duplicate if its state equals the last accepted one of its group within the window, by the
    ///   server's clock. A deliberate repeat (reason 2) is one only of another repeat. Payloads of one group are compared
    ///   in their order, one round for each.
    /// - Under the lock, sequence numbers become visible in their order, so that readers with a cursor miss nothing.
    /// - A duplicate waits for the standbys too, because the transaction that stored the original may not have.
    static func appendFunction(_ schema: String) -> String {
        """
        CREATE FUNCTION \(schema).append_1(
            groups bigint[], states bytea[], causes smallint[],
            owners bigint[], row_queues smallint[], row_groups bigint[], accepted bigint[], resolved boolean[],
            crcs bigint[], bodies bytea[], window_us bigint, quorum boolean,
            \(settlementParameters),
            component_keys bytea[], component_values bytea[], note_records bytea[], note_entries bigint[]
        ) RETURNS TABLE (payload bigint, first_sequence bigint, repeats integer)
        LANGUAGE plpgsql \(safePath) AS $function$
        #variable_conflict use_column
        DECLARE
            span interval := window_us * interval '1 microsecond';
            clock timestamptz;
            rounds bigint;
            fresh bigint[] := '{}';
            counts integer[] := '{}';
            more_fresh bigint[];
            more_counts integer[];
            total bigint;
            first bigint;
        BEGIN
            PERFORM \(schema).start_1(quorum);
            PERFORM \(schema).settle_1(\(settlementNames), true);
            INSERT INTO \(schema).component (key, value)
            SELECT DISTINCT ON (c.key) c.key, c.value
            FROM unnest(component_keys, component_values) WITH ORDINALITY AS c (key, value, place)
            ORDER BY c.key, c.place DESC
            ON CONFLICT (key) DO UPDATE SET value = excluded.value;
            INSERT INTO \(schema).history (at, entries, body)
            SELECT moment, n.entries::integer, n.record
            FROM unnest(note_records, note_entries) WITH ORDINALITY AS n (record, entries, place) ORDER BY n.place;
            IF cardinality(groups) = 0 THEN
                \(waitForStandbys)
                RETURN;
            END IF;
            \(lock(schema))
            clock := clock_timestamp();
            IF window_us > 0 THEN
                SELECT max(c) INTO rounds FROM (SELECT count(*) AS c FROM unnest(groups) AS g GROUP BY g) AS n;
                FOR number IN 1..rounds LOOP
                    WITH wanted AS (
                        SELECT * FROM (
                            SELECT w.*, row_number() OVER (PARTITION BY group_id ORDER BY place) AS round
                            FROM unnest(groups, states, causes) WITH ORDINALITY AS w (group_id, state, reason, place)
                        ) AS numbered WHERE round = number
                    ), stored AS (
                        INSERT INTO \(schema).seen AS old (group_id, state, reason, repeats, at)
                        SELECT group_id, state, reason, CASE WHEN reason = 2 THEN NULL ELSE 0 END, clock FROM wanted
                        ON CONFLICT (group_id) DO UPDATE SET
                            state = excluded.state, reason = excluded.reason, at = excluded.at,
                            repeats = CASE WHEN old.state <> excluded.state THEN excluded.repeats
                                WHEN excluded.reason = 1 OR old.repeats IS NULL THEN old.repeats
                                ELSE least(old.repeats + 1, 1000000) END
                        WHERE NOT (old.state = excluded.state AND (old.reason = 2 OR excluded.reason <> 2)
                            AND old.at > clock - span AND old.at < clock + span)
                        RETURNING old.group_id, old.repeats
                    )
                    SELECT array_agg(w.place), array_agg(s.repeats) INTO more_fresh, more_counts
                    FROM stored s JOIN wanted w ON w.group_id = s.group_id;
                    fresh := fresh || coalesce(more_fresh, '{}');
                    counts := counts || coalesce(more_counts, '{}');
                END LOOP;
            ELSE
                SELECT array_agg(n) INTO fresh FROM generate_series(1, cardinality(groups)) AS n;
                counts := array_fill(NULL::integer, ARRAY[cardinality(groups)]);
            END IF;
            IF cardinality(fresh) < cardinality(groups) THEN
                \(waitForStandbys)
            END IF;
            SELECT count(*) INTO total FROM unnest(owners) AS o JOIN unnest(fresh) AS f ON f = o;
            IF total = 0 THEN
                RETURN;
            END IF;
            first := nextval('\(schema).sequence');
            PERFORM setval('\(schema).sequence', first + total - 1);
            RETURN QUERY
            WITH chosen AS (
                SELECT r.*, f.repeats AS repeated, first - 1 + row_number() OVER (ORDER BY r.place) AS sequence
                FROM unnest(owners, row_queues, row_groups, accepted, resolved, crcs, bodies) WITH ORDINALITY
                    AS r (owner, queue, group_id, accepted_at, is_resolved, crc, body, place)
                JOIN unnest(fresh, counts) AS f (payload, repeats) ON f.payload = r.owner
            ), inserted AS (
                INSERT INTO \(schema).notification (queue, id, group_id, accepted_at, is_resolved, is_replayed,
                    repeats, crc, body)
                SELECT queue, \(schema).id_1(sequence, queue), group_id, accepted_at, is_resolved, false, repeated,
                    crc, body FROM chosen
            )
            SELECT owner, min(sequence), max(repeated) FROM chosen GROUP BY owner ORDER BY owner;
        END
        $function$;

        """
    }
}
