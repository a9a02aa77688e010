"""Small downloads in the documented layouts of the public data sets: 40 users, 60 items, 42 days.

User u takes item (3 u + d) mod 60 on day d: no pair of user and item comes twice, for d < 60. Every
download has one event of user 1 on day 0 whose values the tests know, and one row that cannot be
read.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

START = int(datetime(2015, 6, 1, tzinfo=UTC).timestamp())  # 1433116800, a Monday
USERS, ITEMS, DAYS = 40, 60, 42
EVENTS = USERS * DAYS


@dataclass(frozen=True)
class Event:
    user: int
    item: int
    day: int
    at: int
    """Seconds since the epoch; user 1 is there at 01:00:01."""


def events() -> Iterator[Event]:
    for day in range(DAYS):
        for user in range(USERS):
            at = START + day * 86_400 + (user % 24) * 3_600 + user
            yield Event(user, (3 * user + day) % ITEMS, day, at)


def write(folder: Path, name: str, lines: list[str], encoding: str = "utf-8") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = ("\n".join(lines) + "\n").encode(encoding)
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return archive


def movielens(folder: Path) -> Path:
    ratings = [f"{e.user},{e.item},{1 + e.item % 5}.0,{e.at}" for e in events()]
    ratings[5] = "5,15,4.0"  # of user 5: a value is lacking
    ratings[7] = "7,21,4.0,when"
    write(folder, "ml/ratings.csv", ["userId,movieId,rating,timestamp", *ratings])
    rows = [f'{n},"Film {n}, The (19{40 + n})",Drama{"|War" * (n % 2)}' for n in range(ITEMS)]
    rows[3] = "3,Solaris,(no genres listed)"
    write(folder, "ml/movies.csv", ["movieId,title,genres", *rows])
    write(folder, "ml/tags.csv", ["userId,movieId,tag,timestamp", "1,3,dull,1433116800"])
    write(folder, "ml/links.csv", ["movieId,imdbId,tmdbId", "3,0069293,593"])
    return zipped(folder, folder.parent / "ml-latest-small.zip")


def movielens_1m(folder: Path) -> Path:
    ratings = [f"{e.user}::{e.item}::{1 + e.item % 5}::{e.at}" for e in events()]
    ratings[5] = "5::15::4"
    write(folder, "ml-1m/ratings.dat", ratings, "latin-1")
    movies = [f"{n}::Film {n} (19{40 + n})::Drama|Children's" for n in range(ITEMS)]
    movies[3] = "Bad line"
    movies[4] = '4::Misérables, "Les" (1995)::Drama|Musical'
    write(folder, "ml-1m/movies.dat", movies, "latin-1")
    people = [f"{n}::{'FM'[n % 2]}::{(1, 25)[n % 2]}::{n % 4}::48067" for n in range(USERS)]
    write(folder, "ml-1m/users.dat", people, "latin-1")
    return zipped(folder, folder.parent / "ml-1m.zip")


def movielens_100k(folder: Path) -> Path:
    ratings = [f"{e.user}\t{e.item}\t{1 + e.item % 5}\t{e.at}" for e in events()]
    ratings[5] = "5\t15\t4\t"
    write(folder, "ml-100k/u.data", ratings)
    write(folder, "ml-100k/u1.base", ratings[:900])  # a split of the same layout
    flags = "|".join("1" if place in (4, 18) else "0" for place in range(19))
    movies = [f"{n}|Film {n} (19{40 + n})|01-Jan-1995||http://x/{n}|{flags}" for n in range(ITEMS)]
    movies[4] = f"4|Misérables, Les (1995)|01-Jan-1995||http://x/4|{flags}"
    write(folder, "ml-100k/u.item", movies, "latin-1")
    people = [f"{n}|{20 + n}|{'FM'[n % 2]}|{('artist', 'writer')[n % 2]}|85711"
              for n in range(USERS)]  # fmt: skip
    write(folder, "ml-100k/u.user", people)
    write(folder, "ml-100k/u.info", ["40 users", "60 items", "1680 ratings"])
    return folder


def asin(item: int) -> str:
    return f"B{item:09d}"


def reviewer(user: int) -> str:
    return f"A{user:013d}"


def amazon_2018(folder: Path) -> Path:
    lines = [
        json.dumps(
            {
                "overall": 4.0,
                "verified": True,
                "reviewTime": "06 1, 2015",
                "reviewerID": reviewer(e.user),
                "asin": asin(e.item),
                "reviewerName": "J. Doe",
                "reviewText": 'good\n"x"',
                "unixReviewTime": START + e.day * 86_400,
            }
        )
        for e in events()
    ]
    lines[5] = lines[5][:40]  # broken off
    write(folder, "Beauty_5.json.gz", lines)
    products = [
        {
            "category": ["Beauty", "Hair | Care"],
            "title": f"Comb {n}",
            "brand": f"Brand {n % 3}",
            "also_buy": [asin(1)],
            "rank": "12",
            "main_cat": ("All Beauty", "Premium Beauty")[n % 2],
            "price": "$1,099.50",
            "asin": asin(n),
        }
        for n in range(ITEMS - 1)  # the last product has no entry
    ]
    products[2] = {**products[2], "title": "var aPageStart = (new Date()).getTime();"}
    products[6] = {**products[6], "price": "$5.00 - $9.00"}
    written = [json.dumps(product) for product in products]
    write(folder, "meta_Beauty.json.gz", [*written, written[7]])  # one is there twice
    return folder


def amazon_2023(folder: Path) -> Path:
    lines = [
        json.dumps(
            {
                "rating": 4.0,
                "title": "good",
                "text": "x",
                "images": [],
                "asin": "B0COLOUR01",
                "parent_asin": asin(e.item),
                "user_id": "AG" + reviewer(e.user),
                "timestamp": e.at * 1_000 + 728,
                "helpful_vote": 0,
                "verified_purchase": True,
            }
        )
        for e in events()
    ]
    lines[5] = lines[5].replace('"user_id"', '"user"')
    write(folder, "All_Beauty.jsonl.gz", lines)
    products = [
        json.dumps(
            {
                "main_category": ("All Beauty", None)[n % 2],
                "title": f"Comb {n}",
                "average_rating": 4.8,
                "rating_number": 10,
                "price": 9.99 if n else None,
                "store": f"Store {n % 3}",
                "categories": [],
                "details": {},
                "parent_asin": asin(n),
            }
        )
        for n in range(ITEMS)
    ]
    write(folder, "meta_All_Beauty.jsonl.gz", products)
    return folder


def amazon_ratings_2018(folder: Path) -> Path:
    lines = [f"{asin(e.item)},{reviewer(e.user)},4.0,{START + e.day * 86_400}" for e in events()]
    lines[5] = f"{asin(15)},{reviewer(5)},4.0,soon"
    write(folder, "Beauty.csv", lines)
    return folder / "Beauty.csv"


def amazon_ratings_2014(folder: Path) -> Path:
    lines = [f"{reviewer(e.user)},{asin(e.item)},4.0,{START + e.day * 86_400}" for e in events()]
    lines[5] = f"{reviewer(5)},{asin(15)},4.0,0"
    write(folder, "ratings_Beauty.csv", lines)
    return folder / "ratings_Beauty.csv"


def amazon_ratings_2023(folder: Path) -> Path:
    lines = [f"AG{reviewer(e.user)},{asin(e.item)},4.0,{e.at * 1_000}" for e in events()]
    lines[5] = ",".join(["", asin(15), "4.0", "1433116800000"])
    write(folder, "All_Beauty.csv.gz", ["user_id,parent_asin,rating,timestamp", *lines])
    return folder / "All_Beauty.csv.gz"


def retailrocket(folder: Path) -> Path:
    kinds = ("view", "view", "addtocart", "transaction")
    lines = []
    for e in events():
        kind = kinds[e.day % 4]
        basket = str(e.day) if kind == "transaction" else ""
        lines.append(f"{e.at * 1_000 + 17},{e.user},{kind},{e.item},{basket}")
    lines[4] = f"{START * 1_000},4,wishlist,12,"
    lines[5] = f"{START * 1_000},5,view,,"
    write(folder, "events.csv", ["timestamp,visitorid,event,itemid,transactionid", *lines])
    first, late = START * 1_000, (START + 30 * 86_400) * 1_000
    one = [f"{first},{n},categoryid,{100 + n % 4}" for n in range(ITEMS - 1)]
    two = [f"{late},{n},categoryid,999" for n in range(ITEMS - 1)]
    two += [f"{late},{n},790,n96.000 n7" for n in range(ITEMS)]
    write(folder, "item_properties_part1.csv", ["timestamp,itemid,property,value", *two])
    write(folder, "item_properties_part2.csv", ["timestamp,itemid,property,value", *one])
    tree = ["100,7", "101,7", "102,8", "103,"]
    write(folder, "category_tree.csv", ["categoryid,parentid", *tree])
    return zipped(folder, folder.parent / "archive.zip")


def invoices() -> list[list[str | int | float | datetime | None]]:
    """Lines as a workbook has them: a number has a number's type."""
    rows: list[list[str | int | float | datetime | None]] = []
    for number, e in enumerate(events()):
        at = datetime.fromtimestamp(e.at, UTC).replace(tzinfo=None, second=0)
        code = 85_000 + e.item if e.item % 2 else f"{85_000 + e.item}P"
        common = [489_434 + number, code, f"CUP {e.item} ", 2, at, 1.5, 13_000.0 + e.user]
        rows.append([*common, ("France", "United Kingdom")[e.user % 2]])
    rows[0][6] = None  # nobody
    rows[2][0] = "C489436"  # a cancellation
    rows[3][5] = 0.0
    rows[4][1] = "POST"
    rows[5][4] = None
    rows.append([489_435, 85_003, "CUP 3", 4, rows[1][4], 3.0, 13_001.0, "United Kingdom"])
    return rows


INVOICE_HEADINGS = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price",
                    "Customer ID", "Country"]  # fmt: skip


def online_retail_xlsx(folder: Path) -> Path:
    import openpyxl

    book, rows = openpyxl.Workbook(write_only=True), invoices()
    for title, part in (("Year 2009-2010", rows[:900]), ("Year 2010-2011", rows[900:])):
        sheet = book.create_sheet(title)
        for row in [INVOICE_HEADINGS, *part]:
            sheet.append(row)
    folder.mkdir(exist_ok=True)
    book.save(folder / "online_retail_II.xlsx")
    return zipped(folder, folder.parent / "online+retail+ii.zip")


def online_retail_csv(folder: Path) -> Path:
    lines = [",".join("" if value is None else str(value) for value in row) for row in invoices()]
    write(folder, "online_retail_II.csv", [",".join(INVOICE_HEADINGS), *lines])
    return folder / "online_retail_II.csv"


def hm(folder: Path) -> Path:
    def customer(user: int) -> str:
        return f"{user:064x}"

    sales = [
        f"{datetime.fromtimestamp(e.at, UTC):%Y-%m-%d},{customer(e.user)},0{e.item + 108_775_000},"
        "0.0508,2"
        for e in events()
    ]
    sales[5] = f"2015-06-31,{customer(5)},0108775015,0.0508,2"  # June has 30 days
    sales.append(sales[1])  # two of one article
    headings = "t_dat,customer_id,article_id,price,sales_channel_id"
    write(folder, "transactions_train.csv", [headings, *sales])
    groups = ["product_type_name", "product_group_name", "colour_group_name", "department_name",
              "index_group_name", "garment_group_name"]  # fmt: skip
    articles = [
        f'0{n + 108_775_000},108775,"Strap, top {n}",Vest top,{("Upper", "Lower")[n % 2]} body,'
        f'Black,Jersey {n % 3},Ladieswear,Jersey Basic,"A ""strap"" top"'
        for n in range(ITEMS)
    ]
    headings = ",".join(["article_id", "product_code", "prod_name", *groups, "detail_desc"])
    write(folder, "articles.csv", [headings, *articles])
    customers = [
        f"{customer(n)},,,{('ACTIVE', 'PRE-CREATE')[n % 2]},NONE,{20 + n}.0,52043ee2"
        for n in range(USERS)
    ]
    headings = "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code"
    write(folder, "customers.csv", [headings, *customers])
    write(folder, "images/010/0108775015.jpg", ["no picture"])
    return zipped(folder, folder.parent / "h-and-m.zip")
