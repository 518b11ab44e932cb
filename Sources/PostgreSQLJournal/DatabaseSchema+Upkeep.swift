extension DatabaseSchema {
    /// `note_1` writes history records without a settlement. `merge_1` replaces the later states of letters, and deletes
    /// what was merged; it fails if they have changed since they were read. `prune_1` deletes what has expired, at most `most` rows of each table, and waits for no lock.
    static func upkeepFunctions(_ schema: String) -> String {
        """
        CREATE FUNCTION \(schema).note_1(records bytea[], entries bigint[], moment bigint, quorum boolean) RETURNS void
        LANGUAGE plpgsql \(safePath) AS $function$
        BEGIN
            PERFORM \(schema).start_1(quorum);
            INSERT INTO \(schema).history (at, entries, body)
            SELECT moment, r.entries::integer, r.record
            FROM unnest(records, entries) WITH ORDINALITY AS r (record, entries, place) ORDER BY r.place;
        END
        $function$;
        CREATE FUNCTION \(schema).merge_1(
            letters bigint[], known bytea[], merged bytea[], in_queue bigint, of_group bigint, positions bigint[],
            quorum boolean
        ) RETURNS void
        LANGUAGE plpgsql \(safePath) AS $function$
        DECLARE
            changed bigint;
        BEGIN
            PERFORM \(schema).start_1(quorum);
            UPDATE \(schema).later_states l SET states = m.states
            FROM unnest(letters, known, merged) AS m (id, known, states) WHERE l.id = m.id AND l.states = m.known;
            GET DIAGNOSTICS changed = ROW_COUNT;
            IF changed <> cardinality(letters) THEN
                RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'another replica has changed the later states';
            END IF;
            DELETE FROM \(schema).shown s
            WHERE s.queue = in_queue AND s.group_id = of_group AND s.position = ANY (positions);
        END
        $function$;
        CREATE FUNCTION \(schema).prune_1(
            state_age_us bigint, max_entries bigint, older_than bigint, most bigint, quorum boolean
        ) RETURNS void
        LANGUAGE plpgsql \(safePath) AS $function$
        BEGIN
            PERFORM \(schema).start_1(quorum);
            DELETE FROM \(schema).seen WHERE group_id IN (
                SELECT group_id FROM \(schema).seen
                WHERE at < clock_timestamp() - state_age_us * interval '1 microsecond'
                LIMIT most FOR UPDATE SKIP LOCKED
            );
            DELETE FROM \(schema).history WHERE number IN (
                SELECT oldest.number FROM (
                    SELECT h.number, h.at, sum(h.entries) OVER (ORDER BY h.number DESC) AS kept
                    FROM \(schema).history h
                ) AS oldest
                WHERE oldest.at < older_than OR oldest.kept > max_entries ORDER BY oldest.number LIMIT most
            );
            DELETE FROM \(schema).hook WHERE key IN (
                SELECT key FROM \(schema).hook ORDER BY written_at DESC OFFSET 1024
            );
        END
        $function$;

        """
    }
}
