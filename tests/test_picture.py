"""The picture in a rendered project's guides shows exactly what that project runs."""

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from local_extensions import plan
from tests.conftest import Bake
from tests.matrix import NAMED
from tests.test_plan import complete

SVG = "{http://www.w3.org/2000/svg}"
LONG_NAMES = (
    ", ".join(f"{'q' * 37}-{number}:{owner}" for number in range(9) for owner in ("django",)) + ", atom:fastapi"
)


def names_in(svg: ElementTree.Element) -> list[str]:
    """Return the names of everything that is drawn."""
    return [text.text or "" for text in svg.iter(f"{SVG}text") if text.get("class") == "name"]


def what_runs(project: Path) -> set[str]:
    """Return the processes and servers of a project, from the files that start them."""
    processes = {line.partition(":")[0] for line in (project / "Procfile").read_text().splitlines()}
    files = [yaml.safe_load(path.read_text()) for path in (project / "docker/dev").glob("*.yaml")]
    servers = {name for file in files for name in file["services"]}
    return (processes | servers) - {"release", "app-tables"}


@pytest.mark.parametrize("name", NAMED)
def test_picture_shows_what_runs_and_nothing_else(name: str, bake: Bake) -> None:
    project = bake(**NAMED[name])
    queues = {queue.name for queue in plan(complete(**NAMED[name])).queues}
    svg = ElementTree.parse(project / "docs/what-runs.svg").getroot()
    assert set(names_in(svg)) == what_runs(project) | queues


@pytest.mark.parametrize("name", NAMED)
def test_words_say_what_the_picture_shows(name: str, bake: Bake) -> None:
    project = bake(**NAMED[name])
    svg = ElementTree.parse(project / "docs/what-runs.svg").getroot()
    shown = re.findall(r"^!\[(.+)\]\(what-runs\.svg\)$", (project / "docs/index.md").read_text(), re.MULTILINE)
    assert shown == [svg.findtext(f"{SVG}desc")]
    words = set(re.findall(r"[\w.-]*\w", shown[0]))
    assert set(names_in(svg)) <= words


def edges(rectangle: ElementTree.Element) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom."""
    x, y, width, height = (float(rectangle.attrib[key]) for key in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


@pytest.mark.parametrize("answers", [*NAMED.values(), {"queues": LONG_NAMES}], ids=[*NAMED, "many long names"])
def test_boxes_lie_beside_each_other_on_the_paper(answers: dict[str, object]) -> None:
    svg = ElementTree.fromstring(plan(complete(**answers)).picture)
    paper, *others = svg.iter(f"{SVG}rect")
    boxes = [edges(rectangle) for rectangle in others if rectangle.get("class") != "frame"]
    _, _, width, height = edges(paper)
    assert svg.get("viewBox") == f"0 0 {width:g} {height:g}"
    assert [box for box in boxes if not (0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height)] == []
    overlapping = [
        (one, two)
        for one, two in combinations(boxes, 2)
        if one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]
    ]
    assert overlapping == []
