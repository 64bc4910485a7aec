SELECT count(*), sum(id), sum(price), min(since), max(since), max(name) FROM shop.stock;
SELECT * FROM shop.stock WHERE id IN (3, 7, 499) ORDER BY id;
SELECT count(*), count(tags), max(ts), sum(value) FILTER (WHERE NOT isnan(value)), sum(place.lat) FROM events;
SELECT * FROM events WHERE kind = 'last';
SELECT a, count(*), sum(b), count(note) FROM pairs GROUP BY a ORDER BY a;
SELECT count(*) FROM cheap;
INSERT INTO shop.stock (id, name) VALUES (1000, 'new') RETURNING price;
