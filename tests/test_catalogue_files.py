"""Definitions in files: what is read, what is refused and with which words, and the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

import pytest
import yaml

from promferry.core import definition, environ, template
from promferry.core.catalogue import Catalogue, load
from promferry.core.errors import ConfigurationError
from promferry.core.hooks import QueryPack
from promferry.core.main import run
from promferry.core.settings import CatalogueSettings
from promferry.core.setup import Setup

GOOD: Final = "name: a_metric\ndescription: What it is\nunit: cores\nquery: sum(x[{{ step }}])\n"


def one(name: str = "a_metric", query: str = "sum(x)", **more: object) -> str:
    """Return a definition as YAML."""
    keys = {"name": name, "description": "What it is", "unit": "cores", "query": query, **more}
    return yaml.safe_dump(keys)


def read(folder: Path, **variables: str) -> Catalogue:
    """Load the definitions of one folder as a query pack, and no other."""
    settings = environ.read(CatalogueSettings, variables)
    return load(settings, [QueryPack("mine", folder)])


def problems(folder: Path, **variables: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, **variables)
    for problem in caught.value.problems:
        assert "\n" not in problem
    return caught.value.problems


def test_a_definition(tmp_path: Path) -> None:
    """It is rendered with the step in it: its own, or QUERY_STEP."""
    (tmp_path / "a.yaml").write_text(GOOD + "step: 60\n")
    (tmp_path / "b.yml").write_text(GOOD.replace("a_metric", "b_metric"))
    first, second = read(tmp_path, QUERY_STEP="900").metrics
    assert (first.name, first.step, first.query) == ("a_metric", 60, "sum(x[60s])")
    assert (second.name, second.step, second.query) == ("b_metric", 900, "sum(x[900s])")
    assert (first.unit, first.description) == ("cores", "What it is")
    assert first.source == str(tmp_path / "a.yaml")


def test_a_file_holds_one_a_list_or_several_documents(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text(f"[{json.dumps(yaml.safe_load(one('b')))}]")
    (tmp_path / "many.yaml").write_text(f"---\n{one('c')}---\n{one('a')}---\n")
    assert [metric.name for metric in read(tmp_path).metrics] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("# nothing\n---\n", "the file is empty"),
        ("[]", "line 1: the list has no definition"),
        ("just text", "line 1: the text 'just text' stands where a definition is expected"),
        ("- - name: x", "line 1: a list stands where a definition is expected"),
        ("42", "the text '42' stands where"),
        (GOOD + "labels: [x]\n", "line 5, metric 'a_metric', key 'labels': unknown"),
        (GOOD + "Step: 3\n", "key 'Step': unknown; accepted: name, description, unit, query, step"),
        (GOOD + "? [a]\n: b\n", "key 'a list': unknown"),
        (GOOD + "unit: bytes\n", "line 5, metric 'a_metric', key 'unit': it stands there twice"),
        (GOOD.replace("a_metric", "CPU"), "line 1, metric 'CPU', key 'name': 'CPU' is wrong"),
        (GOOD.replace("a_metric", "../x"), "key 'name': '../x' is wrong"),
        (GOOD.replace("a_metric", "a" * 129), "key 'name': 'aaa"),
        (GOOD.replace("a_metric", "12"), "key 'name': '12' is not a text to YAML; put it in"),
        (GOOD.replace("a_metric", "[a]"), "key 'name': a list stands where a text is expected"),
        (GOOD.replace("a_metric", ""), "key 'name': it is empty"),
        (GOOD.replace("a_metric", "yes"), "key 'name': 'yes' is not a text to YAML"),
        ("name: a\n", "line 1, metric 'a', key 'query': missing"),
        (GOOD + "step: 0\n", "line 5, metric 'a_metric', key 'step': '0' is wrong"),
        (GOOD + "step: -5\n", "key 'step': '-5' is wrong; accepted: whole seconds from 1 to 86400"),
        (GOOD + "step: 1.5\n", "key 'step': '1.5' is wrong"),
        (GOOD + "step: 5m\n", "key 'step': '5m' is wrong"),
        (GOOD + "step: 1:30\n", "key 'step': '1:30' is wrong"),
        (GOOD + "step: true\n", "key 'step': 'true' is wrong"),
        (GOOD + "step: 86401\n", "key 'step': '86401' is wrong"),
        (GOOD + "step: [1]\n", "key 'step': a list is wrong"),
        (one(query="{{ nope }}"), "'query', line 1 of the template: it does not render: 'nope'"),
        (one(query="{{ 'nope"), "metric 'a_metric', key 'query', line 1 of the template: it does"),
        (one(query="{# #}"), "key 'query': the template gives an empty query"),
        ("name: [\n", "line 2, column 1: not valid YAML"),
        ("a: b: c", "line 1, column 5: not valid YAML: mapping values are not allowed here"),
        ("\tname: x", "line 1, column 1: not valid YAML"),
        ("!!python/object/apply:os.system [id]", "line 1: the list"),
        ("*a", "line 1, column 1: not valid YAML: found undefined alias 'a'"),
        ("[" * 10_000, "not valid YAML: nested too deep"),
        ("{a: " * 10_000, "not valid YAML: nested too deep"),
        ("- &a {x: y}\n- *a\n", "line 2, column 3: not valid YAML: the alias *a stands for a"),
        ("name: a\x00b", "not a text file: character"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_and_key(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    (tmp_path / "right.yaml").write_text(one("right"))
    if text.startswith("!!python"):
        expected = "line 1: the text 'id' stands where"
    found = problems(tmp_path)
    assert any(expected in problem for problem in found), found
    assert all(problem.startswith(str(tmp_path / "x.yaml")) for problem in found)


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    """Of every file, and more than one of a definition."""
    (tmp_path / "a.yaml").write_text("name: A\nstep: x\n")
    (tmp_path / "b.yaml").write_text("")
    (tmp_path / "c.yaml").write_text(f"- {GOOD.replace(chr(10), chr(10) + '  ')}\n- nothing\n")
    found = "\n".join(problems(tmp_path))
    keys = ("key 'name'", "key 'step'", "key 'query': missing")
    for expected in (*keys, "b.yaml", "c.yaml, line 6"):
        assert expected in found


def test_billion_laughs_is_refused_at_once(tmp_path: Path) -> None:
    """A few lines that would expand to gigabytes cost neither time nor memory."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (tmp_path / "x.yaml").write_text("\n".join(lines))
    started = time.monotonic()
    assert "the alias *a0 stands for a list or a mapping; write it out" in problems(tmp_path)[0]
    assert time.monotonic() - started < 1


def test_an_alias_of_a_text_is_fine(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "- {name: a, description: &d One, unit: x, query: up}\n"
        "- {name: b, description: *d, unit: x, query: up}\n"
    )
    assert [metric.description for metric in read(tmp_path).metrics] == ["One", "One"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff\xfe\x00\x01" * 9, "not a text file: byte 0 is not UTF-8"),
        (b"\x1f\x8b\x08" + bytes(range(256)), "not a text file: byte 1 is not UTF-8"),
        (b"# " + b"x" * definition.LARGEST_FILE, "the file is larger than 1048576 bytes"),
    ],
)
def test_a_file_that_is_no_yaml(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    assert problems(tmp_path) == (f"{tmp_path / 'x.yaml'}: {expected}",)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert read(tmp_path).metrics


def test_what_is_no_file(tmp_path: Path) -> None:
    """A broken link, a folder and a pipe under a definition's name; none is waited for."""
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    found = problems(tmp_path)
    assert len(found) == 3
    assert "gone.yaml: a link to a file that is not there" in found[1]


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """As a user who is not root, who may read everything."""
    (tmp_path / "x.yaml").write_text(GOOD)
    (tmp_path / "x.yaml").chmod(0)
    if os.geteuid():
        found = problems(tmp_path)[0]
    else:
        child = os.fork()
        if not child:
            os.setuid(65534)
            try:
                definition.read(tmp_path / "x.yaml")
            except ConfigurationError as error:
                os._exit(0 if "can't read the file: Permission denied" in str(error) else 1)
            except BaseException:  # noqa: BLE001 - the child never returns into pytest
                os._exit(2)
            os._exit(3)
        tmp_path.chmod(0o755)
        status = os.waitpid(child, 0)[1]
        assert os.waitstatus_to_exitcode(status) == 0
        return
    assert "can't read the file: Permission denied" in found


def test_a_mounted_configmap_is_read_once(tmp_path: Path) -> None:
    """Kubernetes mounts links through `..data` into a dated folder; both are hidden names."""
    dated = tmp_path / "..2025_10_05_00_00_00.123"
    dated.mkdir()
    (dated / "x.yaml").write_text(GOOD)
    (tmp_path / "..data").symlink_to(dated.name)
    (tmp_path / "x.yaml").symlink_to("..data/x.yaml")
    (tmp_path / ".x.yaml.swp").write_text("no")
    (tmp_path / ".y.yaml").write_text("no")
    (tmp_path / "README.md").write_text("no")
    assert [metric.source for metric in read(tmp_path).metrics] == [str(tmp_path / "x.yaml")]


def test_two_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    """In one folder as between a pack and QUERIES_DIR."""
    pack, mine = tmp_path / "pack", tmp_path / "mine"
    for folder in (pack, mine):
        folder.mkdir()
        (folder / "x.yaml").write_text("\n\n" + GOOD)
    (found,) = problems(pack, QUERIES_DIR=str(mine))
    assert found.startswith(f"{mine / 'x.yaml'}, line 3, key 'name': 'a_metric' is defined in")
    assert f"{pack / 'x.yaml'}, line 3" in found


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("b", ["b"]),
        ("a*", ["aa", "ab"]),
        ("a*, b", ["aa", "ab", "b"]),
        ("-b", ["aa", "ab", "c"]),
        ("a*,-ab", ["aa"]),
        ("-ab,a*", ["aa"]),
        ("-a?", ["b", "c"]),
        ("[bc]", ["b", "c"]),
    ],
)
def test_metrics_are_chosen(tmp_path: Path, wanted: str, expected: list[str]) -> None:
    (tmp_path / "x.yaml").write_text("---\n".join(map(one, ("c", "ab", "b", "aa"))))
    assert [metric.name for metric in read(tmp_path, METRICS=wanted).metrics] == expected


def test_a_choice_that_fits_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(one("a"))
    found = problems(tmp_path, METRICS="a,b*,-c")
    assert [text.split(" fits")[0] for text in found] == ["METRICS: 'b*'", "METRICS: '-c'"]
    assert "leaves no metric" in problems(tmp_path, METRICS="-*")[0]


def test_a_metric_left_out_need_not_render(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(f"{one('a')}---\n{one('b', query='{{ nope }}')}")
    assert len(read(tmp_path, METRICS="-b").metrics) == 1


def test_what_cannot_be_worked_in_is_said_with_its_place(tmp_path: Path) -> None:
    """Another dialect is fine as long as nothing has to be worked in."""
    (tmp_path / "x.yaml").write_text(one(query="sum(x)\n  default 0"))
    assert read(tmp_path).metrics[0].query.endswith("default 0")
    (found,) = problems(tmp_path, MATCHERS='cluster="a"', CLUSTER_LABEL="cluster")
    assert f"{tmp_path / 'x.yaml'}, line 1, metric 'a_metric', key 'query'" in found
    assert "near 'default' of the rendered query: MATCHERS and CLUSTER_LABEL can't be" in found


@pytest.mark.parametrize(
    "variables", [{"MATCHERS": "{a='b'}"}, {"MATCHERS": "a"}, {"CLUSTER_LABEL": "a-b"}]
)
def test_wrong_settings_name_their_variable(variables: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=f"^{next(iter(variables))}="):
        environ.read(CatalogueSettings, variables)


@pytest.mark.parametrize(
    ("text", "step", "expected"),
    [
        ("{{ step }} {{ step_seconds }} {{ range }} {{ range_seconds }}", 300, "300s 300 300s 300"),
        ("{{ step }} {{ range }} {{ range_seconds }}", 60, "60s 120s 120"),
        ("{% for a in ['x', 'y'] %}{{ a }}{% if not loop.last %} or {% endif %}{% endfor %}", 1,
         "x or y"),
        ("{% set a = 'b' %}{{ a|upper ~ '-' ~ step_seconds * 2 }}", 3, "B-6"),
        ("{% macro m(a) %}f({{ a }}){% endmacro %}{{ m('x') }}", 1, "f(x)"),
        ('x{a="<&>\'"}', 1, 'x{a="<&>\'"}'),
    ],
)  # fmt: skip
def test_templates(text: str, step: int, expected: str) -> None:
    assert template.render(text, step) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n{{ nope }}", 2),
        ("a\nb\n{% if %}", 3),
        ("{{ [].append(1) }}", 1),
        ("{{ ''.__class__ }}", 1),
        ("{{ 'x'.ljust(10) }}", 1),
        ("\n{{ 'x' * 9 }}", 1 + 1),
        ("{{ 10 ** 9 }}", 1),
        ("{{ '%99999999d' % 1 }}", 1),
        ("{{ 1 / 0 }}", 1),
        ("{% include 'x' %}", 1),
        ("{% for a in 'x' %}\n" + "{% for b in 'abcdefghij' %}" * 6 + "{% endfor %}" * 7, 2),
        ("{% set a = 'xxxxxxxx' %}" + "{% set a = a ~ a %}" * 60, 1),
        ("{% set a %}xxxxxxxx{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 60, 1),
        ("{% set a = ['x'] %}" + "{% set a = a + a %}" * 60, 1),
        ("{% set a = 9 %}" + "{% set a = a * a %}" * 60, 1),
        ("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", None),
        ("{{ '{:>9999999999}'.format(1) }}", 1),
        ("{{ ''['format'] }}", 1),
        ("{% set a = 'x' %}" + "{% set a = a|replace('x', 'xx') %}" * 60, 1),
        ("{% set a = ['x'] %}" + "{% set a = [a|join(a|join('xx')), a|join('x')] %}" * 60, 1),
        ("{% for a in [1, 2, 3] %}" * 7 + "x" * 9999 + "{% endfor %}" * 7, 1),
        ("x" * 70_000, None),
    ],
)
def test_templates_are_bounded_and_boxed_in(text: str, line: int | None) -> None:
    """Whatever a template does, it ends within a second with one known error and its line."""
    started = time.monotonic()
    with pytest.raises(template.RenderError) as caught:
        template.render(text, 300)
    assert time.monotonic() - started < 1
    assert caught.value.line == line


def test_the_line_in_the_file_is_found_for_a_literal_block(tmp_path: Path) -> None:
    query = "query: |-\n  sum(\n    {{ nope }}\n  )\n"
    (tmp_path / "x.yaml").write_text(GOOD.rpartition("query")[0] + query)
    assert ", line 6, metric 'a_metric', key 'query', line 2 of" in problems(tmp_path)[0]


def command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `promferry metrics` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from promferry.core.main import main; main()", "metrics",
         *arguments],
        env={"PATH": os.environ["PATH"], **environ}, text=True, capture_output=True, check=False,
    )  # fmt: skip


def test_the_list_needs_no_other_setting() -> None:
    """Neither CLUSTER_NAME nor a sink; METRICS counts."""
    done = command(METRICS="cpu_*")
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["name", "unit", "step", "description"]
    assert [row[0] for row in rows[1:]] == ["cpu_limits", "cpu_requests", "cpu_usage"]
    assert rows[1][1:3] == ["cores", "300s"]


def test_the_list_as_json() -> None:
    done = command("--json", METRICS="cpu_usage", QUERY_STEP="60")
    (metric,) = json.loads(done.stdout)["metrics"]
    assert (metric["name"], metric["step"], metric["unit"]) == ("cpu_usage", 60, "cores")
    assert metric["query"].startswith("sum by")


def test_show_prints_the_query_alone() -> None:
    done = command("show", "pv_capacity", QUERY_STEP="600", MATCHERS='c="d"')
    assert (done.returncode, done.stderr) == (0, "")
    expected = "max by (persistentvolume) (max_over_time(kube_persistentvolume_capacity_bytes"
    expected += '{c="d"}[10m]))'
    assert done.stdout == expected + "\n"


def test_show_of_an_unknown_metric_is_a_configuration_error() -> None:
    done = command("show", "nope")
    assert done.returncode == 2
    assert done.stderr.startswith("promferry: there is no metric 'nope'")


def lint(*files: Path, environ: Mapping[str, str] | None = None) -> int:
    return run(["metrics", "lint", *map(str, files)], Setup(environ or {}))


def test_lint_of_the_built_in_definitions(capsys: pytest.CaptureFixture[str]) -> None:
    installed = [Path(str(each)) for each in files("promferry.queries").iterdir()]
    definitions = sorted(each for each in installed if each.suffix == ".yaml")
    assert definitions
    assert lint(*definitions) == 0
    assert capsys.readouterr().out == ""


def test_lint_names_file_metric_key_and_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All problems of all files, a line each; no server and no setting is needed."""
    (tmp_path / "a.yaml").write_text(one("a", query="sum(\n  rate(x)\n)"))
    (tmp_path / "b.yaml").write_text(f"{one('b', query='{{ nope }}')}---\n{one('a')}")
    (tmp_path / "c.yaml").write_text("name: c\n")
    files = [tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml", "missing.yaml")]
    assert lint(*files, environ={"TIME_FRAME": "nonsense"}) == 2
    lines = capsys.readouterr().out.splitlines()
    expected = (
        f"{files[0]}, line 1, metric 'a', key 'query', line 2, column 9, near ')' of the rendered"
        " query: not a query: expected type matrix in call to function 'rate', got vector"
    )
    assert expected in lines
    assert any(
        "metric 'b', key 'query'" in line and "'nope' is undefined" in line for line in lines
    )
    assert any(f"'a' is defined in {files[0]}" in line for line in lines)
    assert any("c.yaml" in line and "key 'query': missing" in line for line in lines)
    assert any("missing.yaml" in line for line in lines)


def test_lint_only_warns_of_another_dialect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text(one(query="sum(x) default 0"))
    assert lint(tmp_path / "a.yaml") == 0
    assert "warning" in capsys.readouterr().out


def test_the_version_loads_neither_parser_nor_templates() -> None:
    """`promferry --version` stays fast: what the catalogue needs is loaded when it is needed."""
    code = (
        "import sys\nfrom promferry.core.main import run\nfrom promferry.core.setup import Setup\n"
        "run(['--version'], Setup({}))\n"
        "print(sorted({'yaml', 'jinja2', 'promql_parser'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
