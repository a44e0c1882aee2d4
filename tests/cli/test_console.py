from __future__ import annotations

import pytest

from liveflight.cli import console


def test_a_link_has_a_qr_code_where_a_phone_can_open_it(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_link("http://10.0.0.2:9000/?token=x")
    drawn = capsys.readouterr().err
    assert drawn.endswith("web remote: http://10.0.0.2:9000/?token=x\n")
    assert drawn.count("\n") > 10
    console.show_link("http://localhost:9000/?token=x")
    link, advice = capsys.readouterr().err.splitlines()
    assert link == "web remote: http://localhost:9000/?token=x"
    assert "--remote-host 0.0.0.0" in advice
