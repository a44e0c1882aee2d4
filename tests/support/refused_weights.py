"""Check how a network's weights are refused."""

from pathlib import Path

import pytest

from liveflight import networks
from liveflight.core.contracts import LiveflightError


def refusal(name: str, file: Path | None) -> str:
    """Return the text with which loading the network is refused."""
    with pytest.raises(LiveflightError) as caught:
        networks.network(name).load(file)
    return str(caught.value)


def refuses_half_a_download(
    name: str, file: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check that a truncated copy in torch.hub's cache is named, with what to do about it."""
    monkeypatch.setenv("TORCH_HOME", str(home))
    half = home / "hub" / "checkpoints" / file.name
    half.parent.mkdir(parents=True)
    half.write_bytes(file.read_bytes()[:1_000_000])
    text = refusal(name, None)
    assert text.startswith(f"{half} cannot be read as weights: it is truncated")
    assert text.endswith("; delete it and it is downloaded again")
    assert "\n" not in text
