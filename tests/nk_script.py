"""Nuke's script grammar, read strictly: commands, blocks, and the stack of nodes.

After the documented form (docs/hosts and Foundry's guide): a command a line; words are bare, quoted
with backslash escapes, or braced; a node pops its inputs, input 0 from the top, and pushes itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


class NkError(ValueError):
    """The text is not a script that Nuke would read."""


@dataclass
class UserKnob:
    """A knob that a script adds to a node: {id name l label t tip T text M {values} R low high}."""

    kind: int
    name: str
    options: dict[str, str | list[str]]
    flags: list[str]


@dataclass
class NodeText:
    """A node as its script has it; inputs are the nodes that feed it, None where nothing does."""

    kind: str
    knobs: dict[str, str] = field(default_factory=dict)
    user_knobs: list[UserKnob] = field(default_factory=list)
    inputs: list[NodeText | None] = field(default_factory=list)
    children: list[NodeText] = field(default_factory=list)


@dataclass
class ScriptText:
    nodes: list[NodeText]
    layers: dict[str, list[str]]


FLAGS = {"+STARTLINE", "-STARTLINE", "+INVISIBLE", "+HIDDEN", "+DISABLED"}
# How many inputs a class takes where its block does not say.
WITHOUT_INPUTS = {"Root"}


def words_of(text: str) -> Iterator[list[tuple[str, str]]]:
    """The commands of a text, each a list of (how it was written, word)."""
    at, command = 0, []
    while at < len(text):
        sign = text[at]
        if sign in "\n;":
            if command:
                yield command
            command, at = [], at + 1
        elif sign in " \t":
            at += 1
        elif sign == "#" and not command:
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif sign == "{":
            end = _closing(text, at, "{", "}")
            command.append(("braced", text[at + 1 : end]))
            at = end + 1
        elif sign == '"':
            end = _end_of_quote(text, at)
            command.append(("quoted", _unescaped(text[at + 1 : end])))
            at = end + 1
        elif sign == "[":
            end = _closing(text, at, "[", "]")
            command.append(("bracketed", text[at + 1 : end]))
            at = end + 1
        else:
            end = at
            while end < len(text) and text[end] not in ' \t\n;{"':
                end += 2 if text[end] == "\\" else 1
            command.append(("bare", text[at:end]))
            at = end
    if command:
        yield command


def read_script(text: str, pasted_onto: NodeText | None = None) -> ScriptText:
    """A whole script; `pasted_onto` is what $cut_paste_input stands for."""
    top = NodeText("Root")
    open_groups = [top]
    stacks: list[list[NodeText | None]] = [[]]
    variables: dict[str, NodeText | None] = {"cut_paste_input": pasted_onto}
    layers: dict[str, list[str]] = {}
    for command in words_of(text):
        (how, name), rest = command[0], command[1:]
        stack = stacks[-1]
        if how != "bare":
            raise NkError(f"a command is called {name!r}")
        if name == "version":
            continue
        if name == "set":
            if [word for word, _ in rest] != ["bare", "bracketed"]:
                raise NkError(f"set takes a name and [stack N], not {rest}")
            number = rest[1][1].split()
            if len(number) != 2 or number[0] != "stack" or int(number[1]) >= len(stack):
                raise NkError(f"there is no {rest[1][1]}")
            variables[rest[0][1]] = stack[-1 - int(number[1])]
        elif name == "push":
            wanted = rest[0][1]
            if wanted == "0":
                stack.append(None)
            elif not wanted.startswith("$") or wanted[1:] not in variables:
                raise NkError(f"{wanted} was not set")
            else:
                stack.append(variables[wanted[1:]])
        elif name == "add_layer":
            layer, *channels = rest[0][1].split()
            if not channels or any(not c.startswith(layer + ".") for c in channels):
                raise NkError(f"add_layer {rest[0][1]} names no channels of its own")
            layers[layer] = channels
        elif name == "end_group":
            if len(open_groups) == 1:
                raise NkError("end_group closes nothing")
            open_groups.pop()
            stacks.pop()
        elif len(rest) == 1 and rest[0][0] == "braced" and name[0].isupper():
            node = _node(name, rest[0][1], stack)
            open_groups[-1].children.append(node)
            if name == "Root":
                continue
            stack.append(node)
            if name == "Group":
                open_groups.append(node)
                stacks.append([])
        else:
            raise NkError(f"{name} is not a command of a script")
    if len(open_groups) > 1:
        raise NkError("a Group has no end_group")
    return ScriptText(top.children, layers)


def quoted(value: str) -> str:
    """A value as a script holds it."""
    if value and not set(value) & set(' \t\n{}[]"\\$#;'):
        return value
    for sign in '\\"[]{}$':
        value = value.replace(sign, "\\" + sign)
    return '"' + value.replace("\n", "\\n") + '"'


def _node(kind: str, block: str, stack: list[NodeText | None]) -> NodeText:
    node = NodeText(kind)
    takes = "0" if kind in WITHOUT_INPUTS else "1"
    for command in words_of(block):
        (how, knob), rest = command[0], command[1:]
        if how != "bare" or not rest:
            raise NkError(f"{kind} has a knob without a value: {command}")
        if knob == "inputs":
            takes = rest[0][1]
        elif knob == "addUserKnob":
            node.user_knobs.append(_user_knob(rest[0][1]))
        elif knob in node.knobs:
            raise NkError(f"{kind} sets {knob} twice")
        elif len(rest) > 1:
            raise NkError(f"{kind}.{knob} has {len(rest)} values, unquoted")
        else:
            how, value = rest[0]
            node.knobs[knob] = "{" + value + "}" if how == "braced" else value
    number = sum(int(part) for part in takes.split("+"))
    if number > len(stack):
        raise NkError(f"{kind} takes {number} inputs and {len(stack)} are there")
    node.inputs = [stack.pop() for _ in range(number)]
    return node


def _user_knob(text: str) -> UserKnob:
    (words,) = words_of(text)
    kind, name = int(words[0][1]), words[1][1]
    options: dict[str, str | list[str]] = {}
    flags = []
    at = 2
    while at < len(words):
        word = words[at][1]
        if word[0] in "+-" and words[at][0] == "bare":
            if word not in FLAGS:
                raise NkError(f"a user knob has no flag {word}")
            flags.append(word)
            at += 1
        elif word == "R":
            options["R"] = [words[at + 1][1], words[at + 2][1]]
            at += 3
        elif word in ("l", "t", "T", "M", "n"):
            if at + 1 == len(words):
                raise NkError(f"{word} of {name} has no value")
            value = words[at + 1][1]
            options[word] = [w for _, w in next(words_of(value))] if word == "M" else value
            at += 2
        else:
            raise NkError(f"a user knob has no {word}")
    return UserKnob(kind, name, options, flags)


def _closing(text: str, start: int, opening: str, closing: str) -> int:
    depth, at = 0, start
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == opening:
            depth += 1
        elif text[at] == closing:
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise NkError(f"{opening} at {start} is not closed")


def _end_of_quote(text: str, start: int) -> int:
    at = start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == '"':
            return at
        elif text[at] in "[$":
            raise NkError(
                f"{text[at]} in quotes would be evaluated on loading: {text[start : at + 9]}"
            )
        at += 1
    raise NkError(f"a quote at {start} is not closed")


def _unescaped(text: str) -> str:
    out, at = [], 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            out.append({"n": "\n", "t": "\t"}.get(text[at + 1], text[at + 1]))
            at += 2
        else:
            out.append(text[at])
            at += 1
    return "".join(out)
