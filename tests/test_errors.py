from __future__ import annotations

import inspect
from email.message import Message
from pathlib import Path

import pytest

from aher_lightning import errors
from aher_lightning.errors import (
    AherError,
    ConfigError,
    UsageError,
    did_you_mean,
    first_cause,
    import_extra,
    name_some,
    nearest,
    require_extra,
)


def test_every_error_of_a_user_can_be_caught_at_once() -> None:
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    kinds = [kind for kind in classes if kind.__module__ == errors.__name__]
    assert len(kinds) >= 8
    assert all(issubclass(kind, AherError) for kind in kinds)
    assert all(kind.__name__.endswith("Error") for kind in kinds)


def test_mistakes_of_a_programmer_are_no_errors_of_a_user() -> None:
    assert not issubclass(ValueError, AherError)
    assert not issubclass(AherError, (ValueError, RuntimeError, OSError))


def test_the_first_cause_is_what_others_were_raised_from() -> None:
    first, second, third = KeyError("a"), ValueError("b"), TypeError("c")
    second.__context__, third.__cause__ = first, second
    assert first_cause(third) is first_cause(first) is first
    second.__suppress_context__ = True
    assert first_cause(third) is second


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("AncherHead", "AnchorHead"),
        ("anchor_head", "AnchorHead"),
        ("top_k", "top-k"),
        ("p3d", "P3D"),
        ("yawning", None),
    ],
)
def test_the_nearest_name_is_found_in_any_case(word: str, name: str | None) -> None:
    known = ["P3D", "P3DSmall", "AnchorHead", "top-k"]
    assert nearest(word, known) == name
    assert did_you_mean(word, known) == ("" if name is None else f", did you mean '{name}'")


def test_some_names_stand_for_many() -> None:
    assert name_some([]) == "none"
    assert name_some(["a"]) == "a"
    assert name_some(["a"] * 5) == "a, a, a, a, a"
    assert name_some(["a"] * 600) == "a, a, a, a, a and 595 more"


def test_wrong_usage_may_name_what_lists_the_valid_names() -> None:
    assert UsageError("no").hint is None
    assert (str(UsageError("no", hint="look")), UsageError("no", hint="look").hint) == ("no", "look")


def test_an_extra_is_asked_for_by_its_name_and_with_its_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    require_extra("hdf5", "a store")
    with pytest.raises(ConfigError, match=r"^a ship needs packages .* pip install \"aher-lightning\[sails\]\"$"):
        require_extra("sails", "a ship")
    require_extra.cache_clear()
    monkeypatch.setattr("lightning_utilities.core.imports.distribution", lambda _: OldPackage())
    with pytest.raises(ConfigError, match=r"\[hdf5\]"):
        require_extra("hdf5", "a store")


def test_a_module_of_an_extra_is_imported_or_its_extra_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert import_extra("json", "sails", "a ship").dumps([1]) == "[1]"
    with pytest.raises(ConfigError, match=r"^a ship needs packages .* pip install \"aher-lightning\[sails\]\"$"):
        import_extra("no_such_module", "sails", "a ship")
    (tmp_path / "of_another_torch.py").write_text("raise RuntimeError('operator\\ndoes not exist')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ConfigError, match=r"a ship needs 'of_another_torch', .* \(operator does not exist\); install vers"
    ):
        import_extra("of_another_torch", "sails", "a ship")


class OldPackage:
    """What is installed of h5py, and what the extra asks for."""

    version = "3.10.0"
    metadata = Message()
    metadata["Requires-Dist"] = "h5py>=3.11; extra == 'hdf5'"
