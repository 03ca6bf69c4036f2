"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # started in the background by a shell; children would inherit it, and no Ctrl-C would reach them
    signal.signal(signal.SIGINT, signal.default_int_handler)


settings.register_profile("ci", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real measurements; they are not part of the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("DRTENGINE_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no measured data: set DRTENGINE_TEST_DATA to their folder (looked in {folder})")
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw figures, but write empty files."""
    from drtengine import plot

    def save(_: object, path: Path) -> None:
        for suffix in ("png", "svg"):
            path.with_name(f"{path.name}.{suffix}").touch()

    monkeypatch.setattr(plot, "save", save)
