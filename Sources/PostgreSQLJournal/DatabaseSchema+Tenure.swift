extension DatabaseSchema {
    /// `exchange_1` is the permit for posts: settlements, fence and budget in one transaction. Returns whether the replica
    /// has the tenure, and the permit of each begin.
    ///
    /// - Settlements count without the tenure too, except those of the dead.
    /// - A post counts from its beginning until its end is known, then from its end.
    /// - A post is refused if one of its notifications is not pending any more: another replica has settled it after
    ///   this one loaded it.
    static func exchangeFunction(_ schema: String) -> String {
        """
        CREATE FUNCTION \(schema).exchange_1(
            tenure bigint, replica text, posts_kept bigint,
            end_hooks bytea[], end_counted boolean[], end_pauses_us bigint[], end_failing_us bigint[],
            begin_hooks bytea[], begin_through bigint[], begin_forms smallint[],
            entry_owners bigint[], entry_queues smallint[], entry_ids bigint[], quorum boolean,
            \(settlementParameters)
        ) RETURNS TABLE (is_held boolean, permits boolean[])
        LANGUAGE plpgsql \(safePath) AS $function$
        #variable_conflict use_column
        DECLARE
            held boolean;
            granted boolean[] := '{}';
            clock timestamptz;
        BEGIN
            PERFORM \(schema).start_1(quorum);
            PERFORM 1 FROM \(schema).lease WHERE epoch = tenure AND holder = replica FOR SHARE;
            held := FOUND;
            PERFORM \(schema).settle_1(
                queues, ids, outcomes, reasons, attempts, answers, continued, records, entries, moment, held);
            \(waitForStandbys)
            IF NOT held THEN
                RETURN QUERY SELECT false, granted;
                RETURN;
            END IF;
            clock := clock_timestamp();
            FOR n IN 1..cardinality(end_hooks) LOOP
                INSERT INTO \(schema).hook AS old (key, posts, paused_until, failing_since, through, form, written_at)
                VALUES (end_hooks[n], '{}', clock + end_pauses_us[n] * interval '1 microsecond',
                    clock - end_failing_us[n] * interval '1 microsecond', 0, 0, clock)
                ON CONFLICT (key) DO UPDATE SET
                    posts = CASE WHEN old.posting_since IS NULL OR cardinality(old.posts) = 0 THEN old.posts
                        WHEN end_counted[n] THEN old.posts[:cardinality(old.posts) - 1] || clock
                        ELSE old.posts[:cardinality(old.posts) - 1] END,
                    paused_until = excluded.paused_until, failing_since = excluded.failing_since,
                    posting_since = NULL, written_at = clock;
            END LOOP;
            FOR n IN 1..cardinality(begin_hooks) LOOP
                granted := granted || NOT EXISTS (
                    SELECT FROM unnest(entry_owners, entry_queues, entry_ids) AS e (owner, queue, id)
                    WHERE e.owner = n AND NOT EXISTS (
                        SELECT FROM \(schema).notification p WHERE p.queue = e.queue AND p.id = e.id
                    )
                );
                CONTINUE WHEN NOT granted[n];
                INSERT INTO \(schema).hook AS old (key, posts, posting_since, through, form, written_at)
                VALUES (begin_hooks[n], ARRAY[clock], clock, begin_through[n], begin_forms[n], clock)
                ON CONFLICT (key) DO UPDATE SET
                    posts = (old.posts || clock)[greatest(1, cardinality(old.posts) + 2 - posts_kept):],
                    posting_since = clock, through = excluded.through, form = excluded.form, written_at = clock;
            END LOOP;
            RETURN QUERY SELECT true, granted;
        END
        $function$;

        """
    }

    /// The tenure: one row with an epoch that grows with each holder, and a beat that grows with each sign of life.
    ///
    /// `take_1` succeeds only if neither has changed since the caller looked. It waits for exchanges in progress, whose
    /// lock on the row also makes them wait for it.
    static func leaseFunctions(_ schema: String) -> String {
        """
        CREATE FUNCTION \(schema).take_1(seen_epoch bigint, seen_beat bigint, replica text, quorum boolean)
        RETURNS TABLE (epoch bigint, beat bigint)
        LANGUAGE plpgsql \(safePath) AS $function$
        #variable_conflict use_column
        BEGIN
            PERFORM \(schema).start_1(quorum);
            RETURN QUERY
            UPDATE \(schema).lease l SET epoch = l.epoch + 1, beat = l.beat + 1, holder = replica
            WHERE l.epoch = seen_epoch AND l.beat = seen_beat
            RETURNING l.epoch, l.beat;
        END
        $function$;
        CREATE FUNCTION \(schema).keep_1(tenure bigint, replica text, bytes bigint, quorum boolean) RETURNS boolean
        LANGUAGE plpgsql \(safePath) AS $function$
        BEGIN
            PERFORM \(schema).start_1(quorum);
            UPDATE \(schema).lease SET beat = beat + 1, pending_bytes = bytes WHERE epoch = tenure AND holder = replica;
            RETURN FOUND;
        END
        $function$;
        CREATE FUNCTION \(schema).release_1(tenure bigint, replica text, quorum boolean) RETURNS boolean
        LANGUAGE plpgsql \(safePath) AS $function$
        BEGIN
            PERFORM \(schema).start_1(quorum);
            UPDATE \(schema).lease SET beat = beat + 1, holder = NULL WHERE epoch = tenure AND holder = replica;
            RETURN FOUND;
        END
        $function$;

        """
    }

    /// `register_1` numbers receivers and forgets none. `replay_1` and `drop_1` take dead letters and write their
    /// records. A replay that is not forced keeps the later states under the new id.
    static func deadLetterFunctions(_ schema: String) -> String {
        """
        CREATE FUNCTION \(schema).register_1(names text[], quorum boolean)
        RETURNS TABLE (number smallint, name text)
        LANGUAGE plpgsql \(safePath) AS $function$
        #variable_conflict use_column
        DECLARE
            wanted text;
        BEGIN
            PERFORM \(schema).start_1(quorum);
            \(lock(schema))
            FOREACH wanted IN ARRAY names LOOP
                INSERT INTO \(schema).receiver (number, name)
                SELECT n, wanted FROM generate_series(1, 255) AS n
                WHERE NOT EXISTS (SELECT FROM \(schema).receiver r WHERE r.number = n OR r.name = wanted)
                ORDER BY n LIMIT 1;
            END LOOP;
            RETURN QUERY SELECT r.number, r.name FROM \(schema).receiver r ORDER BY r.number;
        END
        $function$;
        CREATE FUNCTION \(schema).replay_1(
            letters bigint[], records bytea[], entries bigint[], is_forced boolean, moment bigint, quorum boolean
        ) RETURNS TABLE (letter bigint, id bigint)
        LANGUAGE plpgsql \(safePath) AS $function$
        #variable_conflict use_column
        DECLARE
            total bigint;
            first bigint;
        BEGIN
            PERFORM \(schema).start_1(quorum);
            \(lock(schema))
            SELECT count(*) INTO total FROM (
                SELECT FROM \(schema).dead_letter d WHERE d.id = ANY (letters) ORDER BY d.id FOR UPDATE
            ) AS locked;
            IF total = 0 THEN
                \(waitForStandbys)
                RETURN;
            END IF;
            first := nextval('\(schema).sequence');
            PERFORM setval('\(schema).sequence', first + total - 1);
            RETURN QUERY
            WITH wanted AS (
                SELECT DISTINCT ON (w.letter) * FROM unnest(letters, records, entries) WITH ORDINALITY
                    AS w (letter, record, entries, place) ORDER BY w.letter, w.place
            ), moved AS (
                DELETE FROM \(schema).dead_letter d USING wanted w WHERE d.id = w.letter
                RETURNING d.*, w.record, w.entries, w.place
            ), numbered AS (
                SELECT m.*, \(schema).id_1(first - 1 + row_number() OVER (ORDER BY m.place), m.queue) AS new_id
                FROM moved m
            ), inserted AS (
                INSERT INTO \(schema).notification (queue, id, group_id, accepted_at, is_resolved, is_replayed, crc,
                    body)
                SELECT n.queue, n.new_id, n.group_id, n.accepted_at, n.is_resolved, true, n.crc, n.body
                FROM numbered n
            ), kept AS (
                UPDATE \(schema).later_states l SET id = n.new_id FROM numbered n WHERE l.id = n.id AND NOT is_forced
            ), forgotten AS (
                DELETE FROM \(schema).later_states l USING numbered n WHERE l.id = n.id AND is_forced
            ), written AS (
                INSERT INTO \(schema).history (at, entries, body)
                SELECT moment, n.entries::integer, n.record FROM numbered n WHERE n.record IS NOT NULL ORDER BY n.place
            )
            SELECT n.id, n.new_id FROM numbered n ORDER BY n.place;
        END
        $function$;
        CREATE FUNCTION \(schema).drop_1(
            letters bigint[], records bytea[], entries bigint[], moment bigint, quorum boolean
        ) RETURNS bigint
        LANGUAGE plpgsql \(safePath) AS $function$
        DECLARE
            dropped bigint;
        BEGIN
            PERFORM \(schema).start_1(quorum);
            PERFORM 1 FROM \(schema).dead_letter d WHERE d.id = ANY (letters) ORDER BY d.id FOR UPDATE;
            WITH wanted AS (
                SELECT DISTINCT ON (w.letter) * FROM unnest(letters, records, entries) WITH ORDINALITY
                    AS w (letter, record, entries, place) ORDER BY w.letter, w.place
            ), gone AS (
                DELETE FROM \(schema).dead_letter d USING wanted w WHERE d.id = w.letter
                RETURNING d.id, w.record, w.entries, w.place
            ), forgotten AS (
                DELETE FROM \(schema).later_states l USING gone g WHERE l.id = g.id
            ), written AS (
                INSERT INTO \(schema).history (at, entries, body)
                SELECT moment, g.entries::integer, g.record FROM gone g WHERE g.record IS NOT NULL ORDER BY g.place
            )
            SELECT count(*) INTO dropped FROM gone;
            \(waitForStandbys)
            RETURN dropped;
        END
        $function$;

        """
    }
}
