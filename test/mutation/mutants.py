# SPDX-License-Identifier: BSD-3-Clause
"""Small changes to a C file, one at a time.

Whatever is said in the bodies of functions is changed, but for assertions and
what the preprocessor leaves out:

    comparison  < to <= and >=, == to !=, ...
    logic       && to ||, true to false
    arithmetic  + to -, ++ to --, << to >>, & to |
    number      n to n + 1, 1 to 0
    condition   of if, while, for and ?: negated
    statement   a call, an assignment or a jump removed
    return      0 instead of the value; of a bool both

It knows C as the house writes it: a function's name, its first and its last
brace are at the left margin.
"""

import re
from dataclasses import dataclass

TOKEN = re.compile(r"""
    (?P<skip>/\*.*?\*/|\s+)
  | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<preprocessor>^\#(?:\\\n|[^\n])*)
  | (?P<number>\d\w*)
  | (?P<name>\w+)
  | (?P<sign><<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)
""", re.VERBOSE | re.MULTILINE | re.DOTALL)

SWAPS = {
    "comparison": {
        "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="),
        ">=": (">", "<"), "==": ("!=",), "!=": ("==",)},
    "logic": {
        "&&": ("||",), "||": ("&&",), "true": ("false",), "false": ("true",)},
    "arithmetic": {
        "+": ("-",), "-": ("+",), "+=": ("-=",), "-=": ("+=",), "++": ("--",),
        "--": ("++",), "<<": (">>",), ">>": ("<<",), "&": ("|",), "|": ("&",),
        "|=": ("&=",), "&=": ("|=",)},
}
COMPARISONS = set(SWAPS["comparison"])
PAIRS = {"(": ")", "[": "]", "{": "}"}
# What no statement that can be removed begins with.
OTHER_STATEMENTS = set("""if else for while do switch case default return
    assert goto const static struct enum union unsigned bool""".split())
JUMPS = {"break", "continue"}
ASSIGNMENTS = re.compile(r"[-+*/%&|^]?=|<<=|>>=|\+\+|--|\(")


@dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Mutant:
    file: str
    function: str
    operator: str
    before: str  # the lines concerned, as they are
    after: str   # and as they become
    which: int   # of those in the function that look the same
    line: int
    source: str  # all of the file

    @property
    def key(self):
        """The same for as long as nobody changes the lines."""
        return (self.file, self.function, self.operator, self.before,
                self.after, self.which)

    def __str__(self):
        return (f"{self.name}  (line {self.line})\n"
                f"- {self.before}\n+ {self.after}")

    @property
    def name(self):
        which = f" {self.which}" if self.which > 1 else ""
        return f"{self.file} {self.function} {self.operator}{which}"


def tokens_of(text):
    for match in TOKEN.finditer(text):
        if match.lastgroup not in ("skip", "preprocessor"):
            yield Token(match.lastgroup, match.group(), *match.span())


class Function:
    """A body, as tokens, and how to change it."""

    def __init__(self, name, kind, tokens):
        self.name = name
        self.is_bool = kind == "bool"
        self.tokens = tokens
        self.mate = mates(tokens)

    def text(self, i):
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def is_binary(self, i):
        before = self.tokens[i - 1]
        return (before.kind in ("number", "string") or before.text in ")]"
                or before.kind == "name" and before.text != "return")

    def edits(self):
        """(operator, [(start, end, text)...]) of every change."""
        asserted = self.asserted()
        for i in range(1, len(self.tokens)):
            if i in asserted:
                continue
            yield from self.swaps(i)
            yield from self.numbers(i)
            yield from self.conditions(i)
            yield from self.statements(i)
            yield from self.returns(i)

    def asserted(self):
        return {i for at, token in enumerate(self.tokens)
                if token.text == "assert"
                for i in range(at, self.mate[at + 1] + 1)}

    def replaced(self, first, last, text):
        """Everything from one token to another; its lines stay."""
        return [(self.tokens[first].start, self.tokens[last].end, text)]

    def swaps(self, i):
        text = self.text(i)
        for operator, swaps in SWAPS.items():
            if text in ("+", "-", "&") and not self.is_binary(i):
                continue
            for other in swaps.get(text, ()):
                yield operator, self.replaced(i, i, other)

    def numbers(self, i):
        if self.tokens[i].kind != "number":
            return
        digits = re.match(r"0x[0-9a-f]+|\d+", self.text(i)).group()
        suffix = self.text(i)[len(digits):]
        number = int(digits, 0)
        for other in (number + 1, 0) if number == 1 else (number + 1,):
            shown = hex(other) if digits.startswith("0x") else str(other)
            yield "number", self.replaced(i, i, shown + suffix)

    def conditions(self, i):
        first, last = self.condition_at(i)
        if first is None or last < first:
            return
        said = [self.text(j) for j in range(first, last + 1)]
        # A comparison by itself is negated where it is swapped.
        if (len(COMPARISONS.intersection(said)) == 1
                and not {"&&", "||", "?", "="}.intersection(said)):
            return
        yield "condition", [
            (self.tokens[first].start, self.tokens[first].start, "!("),
            (self.tokens[last].end, self.tokens[last].end, ")")]

    def condition_at(self, i):
        """First and last token of the condition that this one goes with."""
        text = self.text(i)
        if text in ("if", "while"):
            return i + 2, self.mate[i + 1] - 1
        if text == "for":
            ends = [j for j in range(i + 2, self.mate[i + 1])
                    if self.text(j) == ";"]
            return ends[0] + 1, ends[1] - 1
        if text == "?":
            first = i
            while (self.text(first - 1) not in
                   ("=", "return", ",", ";", "{", "?", ":", "(", "+=", "[")):
                first = self.mate.get(first - 1, first - 1)
            return first, i - 1
        return None, None

    def statements(self, i):
        first = self.tokens[i]
        if not self.begins_statement(i):
            return
        if first.text in OTHER_STATEMENTS or first.text in ";{":
            return
        last = self.end_of_statement(i)
        if last is None:
            return
        said = [self.text(j) for j in range(i, last)]
        is_declaration = (first.kind == "name" and len(said) > 1
                          and (self.tokens[i + 1].kind == "name"
                               or said[1] == "*"))
        if is_declaration or not (
                first.text in JUMPS or any(map(ASSIGNMENTS.fullmatch, said))):
            return
        yield "statement", self.replaced(i, last - 1, "")

    def begins_statement(self, i):
        before = self.text(i - 1)
        if before in (";", "{", "}"):
            return not self.inside_brackets(i)
        if before in ("else", "do"):
            return True
        if before == ")":
            return self.text(self.mate[i - 1] - 1) in ("if", "for", "while")
        return before == ":" and self.is_label(i - 1)

    def is_label(self, colon):
        return (self.text(colon - 1) == "default"
                or self.text(colon - 2) == "case")

    def inside_brackets(self, i):
        return any(self.text(j) in "([" and self.mate[j] > i
                   for j in range(i) if j in self.mate)

    def end_of_statement(self, i):
        while self.text(i) != ";":
            if self.text(i) in (")", "]", "}", ""):
                return None
            i = self.mate.get(i, i) + 1
        return i

    def returns(self, i):
        if self.text(i) != "return":
            return
        last = self.end_of_statement(i)
        if last == i + 1:
            yield "statement", self.replaced(i, i, "")
            return
        said = self.text(i + 1) if last == i + 2 else ""
        if said in ("NULL", "true", "false") or said.isdigit():
            return
        for other in ("true", "false") if self.is_bool else ("0",):
            yield "return", self.replaced(i + 1, last - 1, other)


def mates(tokens):
    """Of each bracket, both ways, the place of the other one."""
    found, opened = {}, []
    for i, token in enumerate(tokens):
        if token.text in PAIRS:
            opened.append(i)
        elif token.text in PAIRS.values():
            first = opened.pop()
            found[first], found[i] = i, first
    return found


def functions_of(text):
    head, body, depth = [], [], 0
    for token in tokens_of(text):
        at_margin = token.start == 0 or text[token.start - 1] == "\n"
        if not body and not (at_margin and token.text == "{"):
            if token.text == ";":
                head = []
            else:
                head.append((token, at_margin))
            continue
        body.append(token)
        depth += (token.text == "{") - (token.text == "}")
        if depth == 0:
            yield named(head, body)
            head, body = [], []


def named(head, body):
    names = [i for i, (token, at_margin) in enumerate(head)
             if at_margin and token.kind == "name"]
    return Function(head[names[-1]][0].text, head[names[-1] - 1][0].text, body)


def changed(text, edits):
    for start, end, new in sorted(edits, reverse=True):
        lines = text.count("\n", start, end)
        text = text[:start] + new + "\n" * lines + text[end:]
    return text


def one_line(text):
    return " ".join(text.split())


def mutants_of(name, text, lines):
    """Of the file with this name and text, on these lines of it."""
    seen = {}
    for function in functions_of(text):
        for operator, edits in function.edits():
            first = text.rindex("\n", 0, min(e[0] for e in edits)) + 1
            last = text.index("\n", max(e[1] for e in edits))
            line = text.count("\n", 0, first) + 1
            if line not in lines:
                continue
            source = changed(text, edits)
            before = one_line(text[first:last])
            after = one_line(source[first:last + len(source) - len(text)])
            alike = (function.name, operator, before, after)
            seen[alike] = seen.get(alike, 0) + 1
            yield Mutant(name, function.name, operator, before, after,
                         seen[alike], line, source)
