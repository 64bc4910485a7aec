SELECT * FROM t ORDER BY id;
SELECT o, p, count(*) AS rows FROM t WHERE o <> 'low' GROUP BY ALL ORDER BY o;
