"""Changes to the bytes of files, as transfers, full disks and editors make them, and worse."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

Change = tuple[str, float, int]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("byte", "byte", "byte", "word", "cut", "remove", "repeat", "text")),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 2**32 - 1),
    ),
    min_size=1,
    max_size=6,
)
WORDS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 0x7FC00000)


def damage(data: bytes, changes: list[Change], weak: Sequence[int]) -> bytes:
    """Change bytes; every second place is one of the weak ones, where counts and lengths stand."""
    out = bytearray(data)
    for kind, where, value in changes:
        if not out:
            break
        at = int(where * len(out))
        if value % 2 and kind in ("byte", "word"):
            at = weak[int(where * len(weak))] % len(out)
        if kind == "byte":
            out[at] = (value >> 8) % 256
        elif kind == "word":
            order = "little" if value & 2 else "big"
            word = WORDS[(value >> 8) % len(WORDS)].to_bytes(4, order)
            out[at : at + 4] = word[: len(out) - at]
        elif kind == "cut":
            del out[at:]
        elif kind == "remove":
            del out[at : at + value % 64]
        elif kind == "repeat":
            out[at:at] = out[at : at + value % 64]
        else:
            out[at : at + 9] = b"VMP data "[: len(out) - at]
    return bytes(out)
