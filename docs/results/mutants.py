"""The mutants of a source file: mutmut's operators on everything but annotations, documentation and messages.

Left alone are, because no behaviour of an answer hangs on them:
- annotations, type aliases and docstrings;
- the text of messages: `raise` statements, and what is assigned to `do`, `found`, `what` and `expected` for them;
- `strict` of `zip`, by which the code checks itself.
"""

import fnmatch
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import libcst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation import mutators

MESSAGE_NAMES = ("do", "found", "what", "expected")
_STRICT = m.Arg(keyword=m.Name("strict"))


class Mutant(NamedTuple):
    """A source file with one change."""

    file: str
    line: int
    before: str  # the lines that changed, without the space around them
    after: str
    source: str

    def key(self) -> tuple[str, str, str]:
        """What stays the same when further lines of the file change."""
        return self.file, self.before, self.after


def of_file(root: pathlib.Path, file: str) -> list[Mutant]:
    """All mutants of a file that can be compiled, each once, in the order of its lines."""
    text = (root / file).read_text(encoding="utf-8")
    wrapper = MetadataWrapper(libcst.parse_module(text), unsafe_skip_copy=True)
    tree = wrapper.module
    parents: Any = wrapper.resolve(ParentNodeProvider)
    places: Any = wrapper.resolve(PositionProvider)
    mutants: dict[str, Mutant] = {}
    pieces = [tree.code_for_node(statement) for statement in tree.body]
    head = text[: text.index("".join(pieces))]
    tail = text[len(head) + sum(map(len, pieces)) :]
    for i, statement in enumerate(tree.body):  # a change of a statement is much quicker than one of the whole file
        for node in _nodes(statement):
            for new in _changes(node):
                piece = tree.code_for_node(statement.deep_replace(node, new))  # type: ignore[arg-type]
                source = head + "".join([*pieces[:i], piece, *pieces[i + 1 :]]) + tail
                if source != text and source not in mutants and _compiles(piece):
                    owner = node
                    while owner not in places or isinstance(owner, libcst.BaseCompOp | libcst.BaseBinaryOp):
                        owner = parents[owner]
                    mutants[source] = Mutant(file, places[owner].start.line, *_difference(text, source), source)
    return sorted(mutants.values(), key=lambda mutant: mutant.line)


def _nodes(node: libcst.CSTNode) -> Iterator[libcst.CSTNode]:
    """The node and everything below it that is mutated."""
    if _is_left_alone(node):
        return
    yield node
    for child in node.children:
        yield from _nodes(child)


def _is_left_alone(node: libcst.CSTNode) -> bool:
    alone: Any = (
        m.Annotation()
        | m.Expr(m.SimpleString() | m.ConcatenatedString())
        | m.Raise()
        | m.Assign([m.AssignTarget(m.OneOf(*map(m.Name, MESSAGE_NAMES)))])
        | m.Import()
        | m.ImportFrom()
        | _STRICT
    )
    return m.matches(node, alone) or _is_type_alias(node)


def _is_type_alias(node: libcst.CSTNode) -> bool:
    """Whether this assigns a type to a name in CamelCase, such as `Scalar = Float[Array, ""] | float`."""
    if not m.matches(node, m.Assign([m.AssignTarget(m.Name())], m.Subscript() | m.BinaryOperation())):
        return False
    name = node.targets[0].target.value  # type: ignore[attr-defined]
    return name[0].isupper() and not name.isupper()


def _changes(node: libcst.CSTNode) -> Iterator[libcst.CSTNode]:
    """What mutmut makes of a node."""
    for kind, operator in mutators.mutation_operators:
        if isinstance(node, kind):
            for new in operator(node):
                if not (isinstance(node, libcst.Call) and _strict(node) != _strict(new)):
                    yield new


def _strict(call: libcst.CSTNode) -> list[str]:
    """The `strict=` among the arguments of a call."""
    arguments = getattr(call, "args", ())
    return [libcst.Module([]).code_for_node(one.value) for one in arguments if m.matches(one, _STRICT)]


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _difference(old: str, new: str) -> tuple[str, str]:
    """The lines in which two texts differ, of each."""
    a, b = old.splitlines(), new.splitlines()
    first = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    a, b = a[first:], b[first:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return tuple(" ".join(line.strip() for line in lines) for lines in (a, b))  # type: ignore[return-value]


def is_equivalent(mutant: Mutant, rows: Sequence[dict[str, str]]) -> bool:
    """Whether a row of the table of equivalents describes the change of the mutant."""
    for row in rows:
        if fnmatch.fnmatch(mutant.file, row["file"]) and (row["before"] in mutant.before):
            parts = mutant.before.split(row["before"])
            for i in range(1, len(parts)):
                ends = (row["before"].join(parts[:i]), row["before"].join(parts[i:]))
                if row["after"].join(ends) == mutant.after:
                    return True
    return False
