-- The last head that was signed, whether published yet or not: the one that the next head extends. One row, changed by compare-and-swap.
CREATE TABLE log_lock (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    size BIGINT NOT NULL,
    root BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);
INSERT INTO log_lock (id, size, root, checkpoint, signed_at)
    SELECT 1, size, root, checkpoint, published_at FROM log_heads ORDER BY size DESC LIMIT 1;
