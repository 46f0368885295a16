"""What others wrote is limited, plain, and of the kind it should be, or one sentence."""

import pytest


def test_json_is_plain():
    from ganwidgets.results.foreign import as_json

    assert as_json(b'{"a": [1, 2.5, null]}', "a thing") == {"a": [1, 2.5, None]}
    for content in (b"", b"\xff\xfe", b'{"a": NaN}', b"[-Infinity]", b"[" * 100_000 + b"]" * 100_000):
        with pytest.raises(ValueError, match=r"^a thing must be JSON, but this is damaged or something else: "):
            as_json(content, "a thing")


@pytest.mark.parametrize(("entry", "kind"), [({}, str), ({"a": 1}, str), ({"a": True}, int), ([], str), (None, dict)])
def test_a_part_of_another_kind_is_one_sentence(entry, kind):
    from ganwidgets.results.foreign import part

    with pytest.raises(ValueError, match="`a` is missing, or of another kind"):
        part(entry, "a", kind)


def test_parts_of_the_kind_come_out():
    from ganwidgets.results.foreign import part

    assert part({"a": 1}, "a", int | float) == 1 and part({"a": False}, "a", bool) is False


def test_values_are_shown_short_whatever_they_are():
    from ganwidgets.results.foreign import short

    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert short("x" * 1000) == "'" + "x" * 59 + "…" and short(nested) == "list" and short(10**10_000) == "int"


def test_files_are_read_up_to_a_size_and_named_in_errors(tmp_path):
    from ganwidgets.results.foreign import read_limited

    path = tmp_path / "a.json"
    path.write_bytes(bytes(4))
    assert read_limited(path, 4, "a thing", len) == 4
    with pytest.raises(ValueError, match=r"^a.json: a thing must be at most 0 MiB, got more"):
        read_limited(path, 3, "a thing", len)
    with pytest.raises(FileNotFoundError, match="`path` must be a thing, but there is no file"):
        read_limited(tmp_path / "b", 3, "a thing", len)
