"""Values are bound, never written into a statement: what ruff's S608 cannot tell apart, told by where a name comes from.

Put together may be: constants (capital names), names made in the same function, and parameters of private functions. Anything
that belongs to an object (a document's title, a setting) or that a caller from outside hands in may not.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from streams.local.layout import project_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATEMENT = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|COPY|CREATE|DROP|ALTER|WHERE|VALUES)\b")
EXCEPTIONS = {
    # kept as text beside an alert for people to run; ids and times of our own vocabulary, quoted
    ("surges.py", "_derivation"),
    # PostgreSQL's single-user mode takes no parameters; the password is one we made of letters and digits
    ("postgres.py", "_make_cluster"),
}
SOURCES = sorted(
    path for path in (project_directory() / "streams").rglob("*.py") if "models" not in path.parts
)


def suspicious(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Function and expression of each interpolation into a statement that the rule does not allow."""
    for function in [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]:
        given = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
        public = not function.name.startswith("_")
        for text in [
            node for node in ast.walk(function) if isinstance(node, ast.JoinedStr) and is_statement(node)
        ]:
            for part in [value.value for value in text.values if isinstance(value, ast.FormattedValue)]:
                if is_attribute_of_data(part) or (public and names(part) & given):
                    yield function.name, ast.unparse(part)


def is_statement(text: ast.JoinedStr) -> bool:
    return bool(STATEMENT.search("".join(str(v.value) for v in text.values if isinstance(v, ast.Constant))))


def is_attribute_of_data(part: ast.expr) -> bool:
    """`document.title`, `rows[0]`: of a constant (`DEAD_LETTERS.name`, `", ".join`) it is our own text."""
    return any(
        isinstance(node, ast.Subscript)
        or (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id[0].islower()
        )
        for node in ast.walk(part)
    )


def names(part: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_statement_has_a_value_written_into_it(path: Path):
    found = [
        (function, part) for function, part in suspicious(ast.parse(path.read_text()))
        if (path.name, function) not in EXCEPTIONS
    ]  # fmt: skip
    assert found == []


@pytest.mark.parametrize(
    "statement",
    [
        "def _f(document): return f\"SELECT * FROM x WHERE title = '{document.title}'\"",
        'def _f(rows): return f"DELETE FROM x WHERE id = {rows[0]}"',
        "def find(name): return f\"SELECT 1 FROM x WHERE name = '{name}'\"",
        'class A:\n  async def find(self, name): return f"UPDATE x SET n = {name}"',
    ],
)
def test_the_rule_finds_what_it_is_for(statement):
    assert list(suspicious(ast.parse(statement)))
