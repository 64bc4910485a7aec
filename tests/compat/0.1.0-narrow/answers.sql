SELECT count(*), sum(tiny), sum(small), sum(medium), sum(wide), count(empty), count(DISTINCT name) FROM t;
SELECT min(tiny), max(tiny), min(small), max(small), min(medium), max(medium), min(wide), max(wide) FROM t;
SELECT * FROM t WHERE tiny BETWEEN 98 AND 99 AND small > -20000 ORDER BY id;
SELECT * FROM t WHERE id IN (0, 700, 1599) ORDER BY id;
SELECT count(*) FROM t WHERE small <> 40000 AND medium < 5000000;
