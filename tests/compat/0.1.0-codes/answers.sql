SELECT count(*) AS rows, count(city) AS cities, count(DISTINCT city) AS kinds, count(DISTINCT note) AS notes FROM visits;
SELECT city, count(*) AS rows, min(note) AS first FROM visits GROUP BY city ORDER BY city NULLS FIRST;
SELECT * FROM visits WHERE id IN (0, 1, 17, 2999) ORDER BY id;
SELECT count(*) AS rows FROM visits WHERE city LIKE '%bytes 3' AND id < 1000;
SELECT id FROM visits WHERE city = 'elsewhere';
