//! The tables of the file, and their format's number.

use super::cells;

/// Marks the file as ours: the bytes `aprb`.
pub(super) const APPLICATION: i64 = 0x6170_7262;

/// Format of the tables below. A change of them raises it and brings a migration.
pub(super) const FORMAT: i64 = 4;

/// Oldest format that is migrated.
pub(super) const OLDEST: i64 = 1;

/// The tables of series and their results.
pub(super) fn results() -> String {
    let cells = cells::DECLARED;
    format!(
        "
    CREATE TABLE standing(
        id           INTEGER PRIMARY KEY CHECK(id = 1),
        active       INTEGER NOT NULL,  -- the generation, 0 or 1, that new results go to
        frozen       INTEGER NOT NULL,  -- 1 while the other generation waits to be sealed
        dropped_day  INTEGER,           -- results of days before it were dropped, the rollups of these days remain
        retention_ms INTEGER            -- the clock of the retention
    ) STRICT;
    INSERT INTO standing VALUES(1, 0, 0, NULL, NULL);
    CREATE TABLE series(
        id        INTEGER PRIMARY KEY,
        target    TEXT NOT NULL,
        probe     TEXT NOT NULL,
        agent     TEXT NOT NULL,
        grp       INTEGER NOT NULL,  -- series of one target and agent whose results share blocks
        results   INTEGER NOT NULL DEFAULT 0,  -- from here on: of what is sealed only
        first_ms  INTEGER,
        sealed_ms INTEGER,           -- the newest; what is newer stands in a hot table, or in `late`
        kind      INTEGER,           -- of the newest, as the three that follow
        expect    INTEGER,
        variant   INTEGER,
        every_ms  INTEGER,
        UNIQUE(target, probe, agent)
    ) STRICT;
    -- Results in the order of their arrival, in two generations: one grows while the other one is sealed. A row that is
    -- not newer than `sealed_ms` of its series stands in a block already.
    CREATE TABLE hot0(seq INTEGER PRIMARY KEY, {cells}) STRICT;
    CREATE TABLE hot1(seq INTEGER PRIMARY KEY, {cells}) STRICT;
    -- Results that came when their series had a newer one, and others in the place of known ones. They hold against
    -- blocks and hot rows; those that are not newer than `sealed_ms` are in the rollups.
    CREATE TABLE late({cells},
        fresh INTEGER NOT NULL,  -- 1: no block and no hot row has the same series and time
        PRIMARY KEY(series, time_ms)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX late_time ON late(time_ms);
    -- Every result that did not succeed or has a detail, sealed or not.
    CREATE TABLE noted(
        time_ms INTEGER NOT NULL,
        series  INTEGER NOT NULL,
        outcome INTEGER NOT NULL,
        reason  INTEGER,
        status  INTEGER,
        took_us INTEGER NOT NULL,
        detail  INTEGER,
        PRIMARY KEY(time_ms, series)
    ) STRICT, WITHOUT ROWID;
    -- Sealed results of a group inside one day, column by column: as they came, and merged.
    CREATE TABLE block0(
        id   INTEGER PRIMARY KEY,
        grp  INTEGER NOT NULL,
        day  INTEGER NOT NULL,
        n    INTEGER NOT NULL,
        crc  INTEGER NOT NULL,
        head BLOB NOT NULL,
        data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX block0_place ON block0(grp, day);
    CREATE INDEX block0_day ON block0(day);
    CREATE TABLE block1(
        id      INTEGER PRIMARY KEY,
        grp     INTEGER NOT NULL,
        day     INTEGER NOT NULL,
        n       INTEGER NOT NULL,
        rounded INTEGER NOT NULL,  -- 1: durations keep ten significant bits
        crc     INTEGER NOT NULL,
        head    BLOB NOT NULL,
        data    BLOB NOT NULL
    ) STRICT;
    CREATE INDEX block1_place ON block1(grp, day);
    CREATE INDEX block1_day ON block1(day, rounded);
    -- What the sealed results of a series and day sum up to.
    CREATE TABLE rollup(
        day    INTEGER NOT NULL,
        series INTEGER NOT NULL,
        body   BLOB NOT NULL,
        PRIMARY KEY(day, series)
    ) STRICT, WITHOUT ROWID;
    {TALLY}"
    )
}

/// What the rollups of a group on a day count, without hours and durations. Since the third format.
pub(super) const TALLY: &str = "
    CREATE TABLE tally(
        day  INTEGER NOT NULL,
        grp  INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY(day, grp)
    ) STRICT, WITHOUT ROWID;
";

/// The tables of details, changes and gaps, as they are since the first format. A body is the record as it stands in
/// the interchange; the columns beside it only find it, and may be up to a millisecond too wide.
pub(super) const RECORDS: &str = "
    CREATE TABLE detail(
        id   INTEGER PRIMARY KEY,
        text TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE change(
        id    TEXT PRIMARY KEY,
        lo_ms INTEGER NOT NULL,
        hi_ms INTEGER NOT NULL,
        body  TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX change_lo ON change(lo_ms);
    CREATE TABLE gap(
        body     TEXT PRIMARY KEY,
        from_ms  INTEGER NOT NULL,
        until_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX gap_from ON gap(from_ms);
";

/// What people said. Since the fourth format; as the tables of changes and gaps.
pub(super) const VERDICTS: &str = "
    CREATE TABLE verdict(
        id    TEXT PRIMARY KEY,
        lo_ms INTEGER NOT NULL,
        hi_ms INTEGER NOT NULL,
        body  TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
";
