from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.retrieval.export.files import Named, write_parquet, write_projector

VECTORS = np.array([[1, 2], [3, 4], [0.5, -1]], np.float32)
ITEMS = Named(
    "items",
    np.array(["007", "a\tb", "ü"], object),
    VECTORS,
    {"title": ["Tea pot", "Two\nlines", None], "price": [1.5, float("nan"), 2.0]},
)


def test_parquet_has_an_id_and_a_vector_in_each_row(tmp_path: Path) -> None:
    write_parquet(tmp_path / "items.parquet", ITEMS)
    table = pq.read_table(tmp_path / "items.parquet")
    assert table.schema.types == [pa.string(), pa.list_(pa.float32())]
    assert table.to_pylist() == [
        {"id": "007", "vector": [1.0, 2.0]},
        {"id": "a\tb", "vector": [3.0, 4.0]},
        {"id": "ü", "vector": [0.5, -1.0]},
    ]


def test_many_rows_are_written_group_by_group(tmp_path: Path) -> None:
    ids = np.array([str(n) for n in range(70_000)], object)
    vectors = np.arange(140_000, dtype=np.float32).reshape(-1, 2)
    write_parquet(tmp_path / "items.parquet", Named("items", ids, vectors, {}))
    table = pq.read_table(tmp_path / "items.parquet")
    assert pq.ParquetFile(tmp_path / "items.parquet").num_row_groups == 2
    assert (
        table["vector"][69_999].as_py() == [139_998.0, 139_999.0]
        and table["id"][69_999].as_py() == "69999"
    )


def test_the_projector_gets_one_line_a_point_in_both_files(tmp_path: Path) -> None:
    write_projector(
        tmp_path / "p", (ITEMS, Named("users", np.array(["u"], object), VECTORS[:1], {})), seed=1
    )
    assert (tmp_path / "p/items/vectors.tsv").read_text() == "1\t2\n3\t4\n0.5\t-1\n"
    # A tab or a line break within a value would make another column or another point.
    assert (tmp_path / "p/items/metadata.tsv").read_text() == (
        "id\ttitle\tprice\n007\tTea pot\t1.5\na b\tTwo lines\t\nü\t\t2.0\n"
    )
    config = (tmp_path / "p/projector_config.pbtxt").read_text()
    for kind in ("items", "users"):
        assert (
            f'tensor_path: "{kind}/vectors.tsv"' in config
            and f'metadata_path: "{kind}/metadata.tsv"' in config
        )


def test_ids_alone_have_no_header_for_the_projector_would_take_it_for_a_point(
    tmp_path: Path,
) -> None:
    write_projector(
        tmp_path / "p", (Named("users", np.array(["u", "v w"], object), VECTORS[:2], {}),), seed=1
    )
    assert (tmp_path / "p/users/metadata.tsv").read_text() == "u\nv w\n"


def test_an_attribute_called_id_stands_beside_the_ids(tmp_path: Path) -> None:
    items = Named(
        "items",
        np.array(["a", "b"], object),
        VECTORS[:2],
        {"title": ["A", "B"], "id": ["S1", "S2"]},
    )
    write_projector(tmp_path / "p", (items,), seed=1)
    assert (
        tmp_path / "p/items/metadata.tsv"
    ).read_text() == "id\ttitle\tattribute id\na\tA\tS1\nb\tB\tS2\n"


def test_a_sample_keeps_rows_together() -> None:
    ids = np.array([f"i{n}" for n in range(100)], object)
    whole = Named("items", ids, np.arange(100, dtype=np.float32)[:, None], {"n": list(range(100))})
    some = whole.sample(10, seed=1)
    assert len(set(some.ids)) == 10
    assert [f"i{n}" for n in some.about["n"]] == some.ids.tolist()
    assert some.vectors[:, 0].tolist() == some.about["n"]
    assert whole.sample(100, seed=1) is whole
