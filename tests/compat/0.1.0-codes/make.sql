-- Texts that repeat, stored as codes of a dictionary: with NULLs, updated and deleted rows, beside texts that do not repeat.
CREATE TABLE visits (id BIGINT PRIMARY KEY, city VARCHAR, note VARCHAR);
INSERT INTO visits SELECT i, CASE WHEN i % 11 = 0 THEN NULL ELSE 'a city of more than twelve bytes ' || i % 7 END, 'note ' || i FROM range(3000) r(i);
CHECKPOINT;
UPDATE visits SET city = 'elsewhere' WHERE id = 17;
DELETE FROM visits WHERE id % 100 = 5;
CHECKPOINT;
