"""Runs the programs of the pages in `docs/how-to`."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/keras-run-collapsed.md"


def blocks(kind):
    text = re.findall(rf"^( *)```{kind}\n(.*?)^\1```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{indent}", "", code, flags=re.MULTILINE) for indent, code in text]


def without_numbers(text):
    """Steps may be others on another processor."""
    return re.sub(r"\d+", "N", text).split()


def test_the_collapsed_keras_run_is_diagnosed_as_its_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    program = {}
    code = blocks("python")
    assert len(code) == 3
    exec(code[0], program)
    exec(code[1], program)
    (told,) = blocks("text")
    assert without_numbers(capsys.readouterr().out) == without_numbers(told)
    exec(code[2], program)
    assert without_numbers(capsys.readouterr().out) == without_numbers(told)
