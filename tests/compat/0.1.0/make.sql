-- The database beside this file was made by build 0.1.0 with:
--   pyralog sql --db database -f make.sql
-- It holds every kind of file: segments (one with dead rows), a deletion pack, a log with commits in it.
CREATE SCHEMA shop;
CREATE TABLE shop.stock (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, price DECIMAL(9, 2) DEFAULT 1.50, since DATE,
    CHECK (price > 0));
CREATE TABLE events (ts TIMESTAMP, kind VARCHAR, value DOUBLE, tags VARCHAR[], place STRUCT(lat DOUBLE, lon DOUBLE));
CREATE TABLE pairs (a VARCHAR, b BIGINT, note BLOB, PRIMARY KEY (a, b));
CREATE VIEW cheap AS SELECT name FROM shop.stock WHERE price < 10;
INSERT INTO shop.stock SELECT i, 'article ' || i, (i % 40 + 1)::DECIMAL(9, 2), DATE '2026-01-01' + i::INTEGER
    FROM range(500) r(i);
INSERT INTO events SELECT TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE, ['tick', 'tock'][i % 2 + 1], i / 4,
    CASE WHEN i % 3 = 0 THEN NULL ELSE ['t' || i, NULL] END, {'lat': i, 'lon': -i} FROM range(1000) r(i);
INSERT INTO pairs SELECT 'p' || i % 10, i, CASE WHEN i % 2 = 0 THEN ('n' || i)::BLOB END FROM range(100) r(i);
CHECKPOINT;
DELETE FROM shop.stock WHERE id % 10 = 3;
UPDATE pairs SET note = 'updated'::BLOB WHERE b < 20;
CHECKPOINT;
UPDATE shop.stock SET price = 99.99 WHERE id = 7;
INSERT INTO events VALUES (TIMESTAMP '2026-02-01', 'last', 'NaN'::DOUBLE, [], NULL);
DELETE FROM pairs WHERE b = 99;
