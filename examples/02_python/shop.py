"""Python variables, hot rows and a file in one query; and what a transaction keeps.

Run it with `python shop.py` where pyralog is installed, or as the tests do, out of the build folder.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

if "PYRALOG_BUILD_DIR" in os.environ:
    sys.path.insert(0, os.environ["PYRALOG_BUILD_DIR"] + "/python")

import polars
import pyarrow
import pyarrow.parquet
import pyralog


def main(folder: Path) -> None:
    # A file as another program left it.
    sales = pyarrow.table({"id": [1, 2, 1, 3, 1], "sold": [2, 1, 3, 7, 1]})
    pyarrow.parquet.write_table(sales, folder / "sales.parquet")

    with pyralog.connect(folder / "shop") as con:
        con.execute("CREATE TABLE stock (id INTEGER PRIMARY KEY, name VARCHAR, count INTEGER CHECK (count >= 0))")
        con.append("stock", pyarrow.table({"id": [1, 2, 3], "name": ["tea", "coffee", "cocoa"], "count": [20, 35, 5]}))

        prices = polars.DataFrame({"id": [1, 2, 3], "price": [2.5, 4.0, 3.0]})
        earned = con.execute(
            f"""
            SELECT name, sum(sold * price) AS earned
            FROM '{folder}/sales.parquet' JOIN stock USING (id) JOIN prices USING (id)
            GROUP BY name ORDER BY earned DESC
            """
        )
        print(earned)

        update = "UPDATE stock SET count = count - s.sold FROM (SELECT id, sum(sold) AS sold FROM sales GROUP BY id) s"
        try:
            with con.transaction():
                con.execute(f"{update} WHERE stock.id = s.id")
        except pyralog.IntegrityError as error:
            print(f"{error.code}: nothing was sold, there are only 5 cocoas")
        with con.transaction():
            con.execute(f"{update} WHERE stock.id = s.id AND s.sold <= stock.count")

    with pyralog.connect(folder / "shop") as con:
        for name, count in con.execute("SELECT name, count FROM stock ORDER BY id"):
            print(f"{name:8} {count}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
