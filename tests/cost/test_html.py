"""The page of `stile cost --html`: whole in one file, honest, and the same figures as the report's other forms."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from infra.cli import main
from infra.cost import page as page_module
from infra.cost.book import PriceBook
from infra.cost.exact import text
from infra.cost.model import cost_model
from infra.cost.page import page
from infra.cost.plan import Plan, plan
from infra.cost.report import by_stage, dollars, total
from infra.cost.sweep import Basis, split, sweep
from infra.cost.usage import Model, Usage
from infra.environments import find_environment, read_config
from infra.errors import ToolchainError
from infra.graph import Graph
from infra.pages import requirements
from tests.cost.conftest import ENVIRONMENTS

DAY = date(2026, 11, 24)
MODEL = "flight-delays"
# Elements without content, which HTML does not close.
VOID = {"meta", "link", "br"}
LOADS = {"src", "srcset", "data", "poster", "action", "formaction", "background", "xlink:href"}


class Seen(HTMLParser):
    """What stands in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def values(self, kind: str) -> list[str]:
        """The exact amounts behind those that are shown."""
        return [
            attributes["value"] for tag, attributes in self.elements if tag == "data" and attributes["class"] == kind
        ]


@pytest.fixture(scope="module")
def bases(plans: Mapping[str, Plan], book: PriceBook) -> dict[str, Basis]:
    return {name: Basis(one, Usage(), book, cost_model(one.cloud)) for name, one in plans.items()}


def written(basis: Basis) -> str:
    return page(basis, basis.estimated(), None, DAY)


@pytest.fixture(scope="module")
def pages(bases: Mapping[str, Basis]) -> dict[str, str]:
    return {name: written(basis) for name, basis in bases.items()}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_it_needs_nothing_but_itself(pages: Mapping[str, str], name: str) -> None:
    """No script, nothing that is loaded: addresses are only led to; each id is there once, and each that is named."""
    seen = Seen(pages[name])
    assert not {"script", "img", "iframe", "object", "embed", "base", "image"} & {tag for tag, _ in seen.elements}
    links = [(tag, attributes[key]) for tag, attributes in seen.elements for key in LOADS & attributes.keys()]
    assert links == []
    assert [attributes["href"] for tag, attributes in seen.elements if tag == "link"] == ["data:,"]
    ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(ids) > 50
    assert len(ids) == len(set(ids))
    named = {attributes["href"] for tag, attributes in seen.elements if tag != "link" and "href" in attributes}
    inside = {one.removeprefix("#") for one in named if one.startswith("#")}
    inside |= set(re.findall(r"url\(#([^)]*)\)", pages[name]))
    assert inside <= set(ids)
    assert {tag for tag, attributes in seen.elements if attributes.get("href", "").startswith("http")} == {"a"}
    assert re.findall(r"@import|url\((?!#)|expression\(", pages[name]) == []


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_it_is_the_same_each_time(bases: Mapping[str, Basis], pages: Mapping[str, str], name: str) -> None:
    """Byte for byte, whatever a user has set for matplotlib; another day is another page."""
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": None}):
        again = written(bases[name])
    assert again == pages[name]
    basis = bases[name]
    assert page(basis, basis.estimated(), None, date(2026, 11, 25)) != again


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_amount_is_on_it(bases: Mapping[str, Basis], pages: Mapping[str, str], name: str) -> None:
    """Each line's, exact and shown; its price's date, source and confidence; sums of stages; reasons; figures."""
    estimated, seen = bases[name].estimated(), Seen(pages[name])
    assert sorted(seen.values("line")) == sorted(text(one.monthly_usd or Decimal(0)) for one in estimated.charges)
    sums = {stage: text(amount) for stage, amount in by_stage(estimated).items()}
    assert seen.values("stage") == list(sums.values())
    assert sum(Decimal(one) for one in seen.values("line")) == estimated.total_monthly_usd
    assert seen.values("total") == [text(estimated.total_monthly_usd)]
    assert seen.text.count(total(estimated)) >= 2
    for one in estimated.charges:
        assert one.price is not None
        assert dollars(one.monthly_usd or Decimal(0)) in seen.texts
        assert one.price.source in "".join(seen.texts)
        assert one.price.date in seen.text
    unverified = sum(1 for one in estimated.charges if one.price and one.price.confidence == "unverified")
    assert unverified
    assert seen.texts.count("unverified") == unverified
    assert estimated.unknown
    assert all(one.unknown in seen.texts for one in estimated.unknown)
    assert all(path in seen.texts for path in estimated.figures)
    assert all(one.machine.type in seen.texts for choice in estimated.plan.machines for one in choice.runners_up[:3])


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_plots_say_the_reports_sums(bases: Mapping[str, Basis], pages: Mapping[str, str], name: str) -> None:
    """As text in the drawing: a stage's amount, `at least` where a line of it is unknown."""
    (drawn,) = re.findall(r'<svg[^>]*aria-label="USD a month by stage.*?</svg>', pages[name], re.DOTALL)
    texts, estimated = Seen(drawn).texts, bases[name].estimated()
    unknown = {one.stage for one in estimated.unknown}
    for stage, amount in by_stage(estimated).items():
        assert stage in texts
        known = dollars(amount)
        assert (known if stage not in unknown else f"at least {known}" if amount else "unknown") in texts


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_fixed_and_per_use_are_what_they_are_called(bases: Mapping[str, Basis], name: str) -> None:
    """Together the total; fixed is what is charged without use, so that a machine is and a request is not."""
    basis = bases[name]
    estimated, without = basis.estimated(), basis.without_use()
    for key in ("cloud", "stage", "service"):
        parts = split(estimated, without, key)
        assert sum(one.total for one in parts.values()) == estimated.total_monthly_usd
        assert all(one.fixed >= 0 and one.per_use >= 0 for one in parts.values())
    (machines,) = (one for one in estimated.charges if one.what == "machines")
    endpoint = split(estimated, without, "stage")["endpoint"]
    assert machines.monthly_usd is not None
    assert endpoint.fixed >= machines.monthly_usd > 0
    assert split(estimated, without, "stage")["images"].fixed == 0


def test_cost_against_requests_is_estimated_at_each_number(bases: Mapping[str, Basis]) -> None:
    """The curve meets the total where the usage is; it begins at a hundredth and ends at the hundredfold."""
    basis = bases["aws-dev"]
    swept = sweep(basis, basis.without_use())
    assert swept.stated == 100000
    assert swept.is_assumed
    (here,) = (one for one in swept.points if one.requests == swept.stated)
    assert here.total == basis.estimated().total_monthly_usd
    assert [swept.points[0].requests, swept.points[-1].requests] == [1000, 10000000]
    far = replace(basis, usage=Usage(models={MODEL: Model(requests=Decimal(10000000))}))
    assert swept.points[-1].total == far.estimated().total_monthly_usd > here.total
    assert not sweep(far, far.without_use()).is_assumed


def test_a_page_without_unknown_lines_says_its_total_plainly(bases: Mapping[str, Basis]) -> None:
    """With them it says `at least`, first of all."""
    basis = bases["gcp-dev"]
    assert '<p class="headline"><data class="total" value="' in written(basis)
    assert ">at least " in re.findall(r'<p class="headline">.*', written(basis))[0]
    known = replace(basis.estimated(), unknown=())
    (headline,) = re.findall(r'<p class="headline">.*', page(basis, known, None, DAY))
    assert "at least" not in headline


def test_unknown_requests_are_said_and_drawn_of_no_model(bases: Mapping[str, Basis]) -> None:
    basis = replace(bases["aws-dev"], usage=Usage(models={MODEL: Model.model_validate({"requests": "unknown"})}))
    seen = Seen(written(basis))
    assert f"the usage models.{MODEL}.requests is unknown" in seen.text
    assert not any(attributes.get("id") == "by-requests" for _, attributes in seen.elements)


def test_nobody_asks_is_drawn_by_the_documented_default(bases: Mapping[str, Basis]) -> None:
    basis = replace(bases["aws-dev"], usage=Usage(models={MODEL: Model(requests=Decimal(0))}))
    assert sweep(basis, basis.without_use()).stated is None
    assert "By the usage nobody asks." in Seen(written(basis)).text


def test_without_endpoints_it_says_that_requests_cost_nothing_yet(bases: Mapping[str, Basis]) -> None:
    config = read_config(find_environment("aws-dev").config_path)
    basis = replace(bases["aws-dev"], plan=plan("aws-dev", config))
    told = "Nothing here is charged by requests: no model has an endpoint yet."
    assert told in Seen(written(basis)).text
    assert "Nothing here is charged by requests" not in Seen(written(bases["aws-dev"])).text


def test_large_numbers_stand_within_the_drawing(bases: Mapping[str, Basis]) -> None:
    """The room for the axis' labels is by their length: none begins beyond the drawing's left edge."""
    basis = replace(bases["gcp-dev"], usage=Usage(models={MODEL: Model(requests=Decimal(10) ** 12)}))
    (drawn,) = re.findall(r'<svg[^>]*aria-label="USD a month against.*?</svg>', written(basis), re.DOTALL)
    assert "100bn" in Seen(drawn).texts
    ticks = re.findall(r'text-anchor: end[^"]*" x="([\d.]+)"[^>]*>([\d,]+)<', drawn)
    assert max(len(label) for _, label in ticks) >= len("10,000,000")
    assert all(float(x) >= 7 * len(label) for x, label in ticks)


def test_what_it_is_given_is_escaped(bases: Mapping[str, Basis]) -> None:
    """In the table and in the drawings; a type that no row knows has a name of any kind."""
    evil = "<script>alert('1 & 2', $x^2$)</script>"
    basis = bases["aws-dev"]
    first, *rest = basis.plan.graph.resources
    graph = Graph((replace(first, type=evil), *rest))
    changed = replace(basis, plan=replace(basis.plan, environment=evil, graph=graph))
    estimated = changed.estimated()
    services = tuple(replace(one, service=f"{evil} {one.service}", stage=evil) for one in estimated.charges)
    found = page(changed, replace(estimated, charges=services), None, DAY)
    assert "<script" not in found
    assert evil in Seen(found).text
    (drawn,) = re.findall(r'<svg[^>]*aria-label="USD a month by stage.*?</svg>', found, re.DOTALL)
    assert evil in Seen(drawn).texts


def test_an_environment_without_lines_has_a_page(bases: Mapping[str, Basis]) -> None:
    basis = bases["gcp-dev"]
    empty = replace(basis, plan=replace(basis.plan, models=(), machines=(), graph=Graph(())))
    assert "0.00 USD a month" in Seen(written(empty)).text


def test_plots_have_room_for_every_service_by_adding_up_the_small(bases: Mapping[str, Basis]) -> None:
    """Their sum is the rest's."""
    basis = bases["aws-dev"]
    parts = split(basis.estimated(), basis.without_use(), "service")
    few = page_module._few(page_module._by_amount(parts))
    assert len(few) == page_module.SERVICES + 1
    assert sum(one.total for one in few.values()) == sum(one.total for one in parts.values())
    assert list(few)[-1] == f"{len(parts) - page_module.SERVICES} others"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main.run(["cost", *arguments])
    return code, *capsys.readouterr()


def test_a_file_is_written_and_its_place_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A file that was there is replaced; `-` is stdout, and then nothing is said."""
    path = tmp_path / "cost.html"
    path.write_text("old")
    code, stdout, stderr = run(capsys, "gcp-dev", "--html", str(path))
    assert (code, stdout) == (0, "")
    assert f"the page is {path}" in stderr
    assert "% of its budget of 250 USD" in Seen(path.read_text()).text
    assert [one.name for one in tmp_path.iterdir()] == ["cost.html"]
    assert run(capsys, "gcp-dev", "--html", "-") == (0, path.read_text(), "")


@pytest.fixture
def nothing_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work before the target is checked is an error."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was estimated")

    monkeypatch.setattr("infra.cli.cost.answer", refuse)


@pytest.mark.usefixtures("nothing_is_estimated")
@pytest.mark.parametrize(
    ("target", "message"),
    [("missing/cost.html", "there is no folder"), (".", "is no file's name"), ("", "is no file's name")],
)
def test_a_target_that_cannot_be_is_told_before_any_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, stderr = run(capsys, "gcp-dev", "--html", target)
    assert code == 2
    assert message in stderr
    assert "fix: " in stderr


@pytest.mark.usefixtures("nothing_is_estimated")
@pytest.mark.parametrize("other", [("--json",), ("--markdown",), ("--diff",), ("--compare", "aws,gcp")])
def test_it_goes_with_no_other_form_and_one_question(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, other: tuple[str, ...]
) -> None:
    code, stdout, stderr = run(capsys, "gcp-dev", "--html", str(tmp_path / "cost.html"), *other)
    assert code == 2
    assert other[0] in (json.loads(stdout)["error"]["message"] if other == ("--json",) else stderr)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("nothing_is_estimated")
def test_without_its_libraries_it_names_the_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(requirements, "LIBRARIES", ("jinja2", "no_such_library"))
    code, _, stderr = run(capsys, "gcp-dev", "--html", str(tmp_path / "cost.html"))
    assert code == 1
    assert "no_such_library" in stderr
    assert "--extra reports" in stderr
    with pytest.raises(ToolchainError):
        requirements.require_libraries()
