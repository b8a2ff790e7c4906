"""The site: its pages and links, and in a browser that it works from a file and a subpath."""

import csv
import functools
import http.server
import json
import os
import shutil
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from hybrid.errors import InputError
from reproduction import figures
from reproduction.paths import RESULTS, ROOT
from reproduction.site import build as building
from reproduction.site import pages, parity
from reproduction.site.results import index, results_of
from reproduction.site.sources import Sources
from reproduction.site.tables import TABLE, comparison, table_of

SCALE = "cpu"
CARD = "# Cv of a cell\n\nHeat capacity at 300 K. [Settings](settings.json); [how]({guide}#pooling).\n"


class Page(HTMLParser):
    """What a page links to and loads, the anchors that it has, and the rows of its tables."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.rows: list[list[str]] = []
        self.in_cell = False
        self.text = path.read_text()
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given.get("id"), given.get("name")} - {None}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given["rel"] not in ("index", "search", "next", "prev", "canonical"):
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data):
        if self.in_cell:
            self.rows[-1][-1] += data


LEFT = "ERR_ABORTED"  # the page was left before its icon was there
CLIPPED = (
    "[...document.querySelectorAll('article img')].some(i => i.getBoundingClientRect().right > innerWidth)"
)


@pytest.fixture(scope="module", autouse=True)
def _installed():
    for needed in building.NEEDED:
        pytest.importorskip(needed, reason=f"{needed} is not installed; pip install '.[site]' installs it")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site of the committed records, two folders below that which is served, with a model."""
    folder = tmp_path_factory.mktemp("served")
    card = folder / "models" / "cv" / "card.md"
    card.parent.mkdir(parents=True)
    card.write_text(CARD.format(guide=os.path.relpath(ROOT / "docs" / "training.md", card.parent)))
    card.with_name("settings.json").write_text("{}")
    return building.build(SCALE, folder / "under" / "site", [card.parents[1]]).parent


@pytest.fixture(scope="module")
def parsed(site) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_no_link_is_dead_and_nothing_is_loaded_from_elsewhere(site, parsed):
    for path, page in parsed.items():
        assert not [address for address in page.loads if urlsplit(address).scheme not in ("", "data")], path
        for address in (*page.links, *page.loads):
            parts = urlsplit(address)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_relative_to(site), f"{path}: {address}"
            assert target.is_file(), f"{path}: {address}"
            if parts.fragment and target in parsed:
                assert unquote(parts.fragment) in parsed[target].anchors, f"{path}: {address}"


def test_every_figure_guide_and_model_has_its_page_and_every_table_its_numbers(site, parsed):
    expected = {f"results/{SCALE}/{name}.html" for name in figures.names()}
    expected |= {f"docs/{guide.stem}.html" for guide in (ROOT / "docs").glob("*.md")}
    expected |= {"index.html", "leaderboard.html", "models/index.html", "models/cv/card.html"}
    assert not [name for name in expected if not (site / name).exists()]
    for result in results_of(RESULTS / SCALE):
        page = parsed[site / f"results/{SCALE}/{result.name}.html"]
        text = (RESULTS / SCALE / f"{result.name}.md").read_text() if result.text else ""
        for table in TABLE.findall(text):
            for row in table_of(table).to_numpy().tolist():
                assert [cell.replace("`", "") for cell in row] in page.rows, f"{result.name}: {row}"
        for file in result.files:
            assert any(address.endswith(f"/{file.name}") for address in page.links), file


def test_numbers_on_the_home_page_and_the_leaderboard_are_those_of_the_records(site, parsed):
    record = json.loads((RESULTS / SCALE / "table2.json").read_text())
    home = parsed[site / "index.html"].text
    wanted = ("phonon-cv", "cgcnn-sum")
    rows = [row for row in record["rows"] if (row.get("dataset"), row.get("network")) == wanted]
    errors = [row["metrics"]["mae_over_mad"] for row in rows]
    said = rows[0]["paper"]["mae_over_mad"]
    assert f"with sum pooling {sum(errors) / len(errors):.3f} ({said:g})" in " ".join(home.split())
    (table,) = site.glob("_downloads/*/leaderboard.csv")
    with table.open() as file:
        models = {(row["model"], row["settings"]): row for row in csv.DictReader(file)}
    figure2 = json.loads((RESULTS / SCALE / "figure2.json").read_text())["rows"]
    scores = [
        r["metrics"]["r2"] for r in figure2 if (r.get("network"), r.get("descriptor")) == ("cgcnn", "natoms")
    ]
    assert float(models["CGCNN", "paper"]["natoms"]) == pytest.approx(sum(scores) / len(scores), abs=1e-4)
    assert {row["reads"] for row in models.values()} >= {"structure", "formula", "number of atoms", "nothing"}


def test_what_is_not_run_is_skipped_with_a_sentence(tmp_path):
    results = tmp_path / "results" / SCALE
    results.mkdir(parents=True)
    for ending in ("md", "json", "png"):
        shutil.copy(RESULTS / SCALE / f"figure3e.{ending}", results)
    pages.write(tmp_path / "source", results, [])
    at = tmp_path / "source"
    assert "Not run yet at scale `cpu`; `make table2 SCALE=cpu`" in (at / "results/cpu/table2.md").read_text()
    assert "**Heat capacity of a cell.** Not run yet" in (at / "index.md").read_text()
    assert "No model was probed yet" in (at / "leaderboard.md").read_text()
    assert "No model is released yet" in (at / "models/index.md").read_text()
    assert "0.750" in (at / "results/cpu/figure3e.md").read_text()


def test_what_is_said_of_a_result():
    lines = index(results_of(RESULTS / SCALE), SCALE).splitlines()
    said = {line.partition("](")[0].rpartition("[")[2]: line.partition("): ")[2] for line in lines}
    assert said["Figure 3b"] == "A 1D single chain."
    assert said["Equivariant"].startswith("Beside Table 2: do descriptors")
    assert said["Audit natoms"] == "Is the number of atoms learnt, or looked up?"
    assert said["Search"].startswith("10 trials a network")


def test_a_folder_that_is_no_site_stays_and_a_dead_link_is_named(tmp_path):
    kept = tmp_path / "mine"
    kept.mkdir()
    (kept / "data.csv").write_text("1")
    with pytest.raises(InputError, match="is no site"):
        building.build(SCALE, kept)
    assert (kept / "data.csv").read_text() == "1"
    source = tmp_path / "source"
    source.mkdir()
    (source / "index.md").write_text("# Page\n\n[there](#nowhere)\n")
    building._add_assets(source)
    with pytest.raises(InputError, match=r"index\.md:3.*nowhere"):
        building._run_sphinx(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](../results/cpu)", "[a](../results/cpu/index.md)"),
        ("[a](training.md#pooling)", "[a](training.md#pooling)"),
        ("[training.md](training.md)", "[](training.md)"),
        ("[a](../constraints.txt)", "[a](../constraints.txt)"),
        ("[a](../patches)", "a"),
        ("[a](../results/cpu/gone.md)", "a (not there yet)"),
        ("![a](../results/cpu/gone.png)", ""),
        ("[a](https://doi.org/1) and `[1](2)`", "[a](https://doi.org/1) and `[1](2)`"),
        ("```sh\n[a](gone.md)\n```\n", "```sh\n[a](gone.md)\n```\n"),
    ],
)
def test_links_of_the_repository_hold_on_the_site(tmp_path, text, expected):
    known = {"docs/training.md", "results/cpu/index.md"}
    Sources(tmp_path, known, {"results/cpu": "results/cpu/index.md"}).adopt("docs/a.md", text)
    assert (tmp_path / "docs" / "a.md").read_text() == expected
    assert (tmp_path / "constraints.txt").exists() == ("constraints" in text)


def test_the_paper_beside_ours_and_the_points_of_a_plot():
    folder = RESULTS / SCALE
    record = json.loads((folder / "table2.json").read_text())
    summary, rows = comparison(record)
    ratios = [float(row[-1]) for row in rows if row[-1]]
    assert f"has {len(ratios)} numbers" in summary
    assert all(float(r[4]) / float(r[3]) == pytest.approx(float(r[-1]), abs=0.02) for r in rows if r[-1])
    plot = next(p for p in parity.plots(record, folder, {"mp-1000": "BaTe"}) if p["title"] == "U, U per cell")
    assert sum(network["shown"] for network in plot["networks"]) == 2
    network = plot["networks"][0]
    mean = sum(map(abs, map(float.__sub__, network["true"], network["predicted"]))) / len(network["true"])
    row = next(r for r in record["rows"] if r["dataset"] == "phonon-u" and r["network"] == "mean-baseline")
    assert mean == pytest.approx(row["metrics"]["mae"], rel=1e-3)
    assert "mp-1000 · BaTe" in network["crystals"]
    assert parity.formula("double-37-0004", {}) == "C74"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with playwright.sync_playwright() as started:
        try:
            opened = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except playwright.Error:
            pytest.skip("no browser is installed: apt-get install chromium, or playwright install chromium")
        yield opened
        opened.close()


@pytest.fixture(scope="module", params=["file", "subpath"])
def address(request, site):
    """The site's address without a last slash."""
    if request.param == "file":
        yield f"file://{site}"
        return

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=site.parents[1])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/under/site"
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1400, "light")])
def test_pages_open_without_errors_and_fit_the_window(browser, address, site, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab, wrong = context.new_page(), []
    tab.on("console", lambda said: said.type in ("error", "warning") and wrong.append((tab.url, said.text)))
    tab.on("pageerror", lambda error: wrong.append((tab.url, str(error))))
    tab.on("requestfailed", lambda lost: LEFT in lost.failure or wrong.append((lost.url, lost.failure)))
    tab.on("response", lambda answer: answer.status >= 400 and wrong.append((answer.url, answer.status)))
    tab.on(
        "request",
        lambda request: request.url.startswith((address, "data:", "blob:")) or wrong.append(request.url),
    )
    for path in sorted(site.rglob("*.html")):
        tab.goto(f"{address}/{path.relative_to(site)}")
        assert tab.evaluate("document.scrollingElement.scrollWidth") <= width, path
        assert not tab.evaluate(CLIPPED), path
        light = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert light == (scheme == "light"), path
    assert not wrong
    context.close()


@pytest.fixture
def tab(browser):
    opened = browser.new_page(viewport={"width": 1400, "height": 900})
    yield opened
    opened.close()


def column(table, number):
    return table.locator(f"tbody tr > :nth-child({number + 1})").all_text_contents()


@pytest.mark.slow
def test_tables_sort_and_the_leaderboard_filters(tab, address):
    tab.goto(f"{address}/results/{SCALE}/table2.html")
    table = tab.locator("table.data").nth(0)
    before = [float(cell) for cell in column(table, 4)]
    header = table.locator("thead th").nth(4)
    for ordered in (sorted(before), sorted(before, reverse=True)):
        header.click()
        assert [float(cell) for cell in column(table, 4)] == ordered
    assert ordered != before
    header.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    tab.goto(f"{address}/leaderboard.html")
    board = tab.locator("table.leaderboard")
    for shown, hidden in (("local", "global"), ("global", "local")):
        tab.get_by_role("button", name=shown, exact=True).click()
        assert board.locator(f"th[data-kind={shown}]").first.is_visible()
        assert not board.locator(f"[data-kind={hidden}]").first.is_visible()
    board.get_by_text("natoms", exact=True).click()
    cells = column(board, [*board.locator("thead th").all_text_contents()].index("natoms"))
    values = [float(cell) for cell in cells if cell]
    assert values == sorted(values, reverse=True)
    assert not any(cells[len(values) :])  # empty ones last


@pytest.mark.slow
def test_pointing_at_a_crystal_names_it(tab, address, site):
    tab.goto(f"{address}/results/{SCALE}/table2.html")
    plots = json.loads(tab.locator(".parity script[type='application/json']").text_content())
    point = tab.locator(".parity .scatterlayer .trace .point").first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    told = tab.locator(".parity .hoverlayer .hovertext")
    told.wait_for()
    assert any(
        crystal in told.text_content() for network in plots[0]["networks"] for crystal in network["crystals"]
    )
    assert "predicted" in told.text_content()
    tab.locator(".parity select").select_option(index=1)
    assert plots[1]["target"] in tab.locator(".parity .xtitle").text_content()


@pytest.mark.slow
def test_search_finds_a_guide(tab, address):
    tab.goto(f"{address}/search.html?q=pooling")
    tab.locator("ul.search li a").first.wait_for()
    assert tab.locator("ul.search a[href*='training.html']").count()
