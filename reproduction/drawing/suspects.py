"""The audit's suspects: what may be behind a disagreement with the paper, and what experiments say of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hybrid.errors import InputError
from hybrid.report.records import Bar, bars
from hybrid.report.tables import write_record_table

Verdict = Literal["explained", "partly explained", "unexplained", "not run"]


class Results:
    """The results of a record by data set and network.

    Args:
        record: of one experiment.
    """

    def __init__(self, record: dict[str, Any]):
        self.record = record
        self._bars = {
            (bar.first["dataset"], bar.first["network"], bar.first.get("grouping")): bar
            for bar in bars(record)
            if bar.done
        }

    def bar(self, dataset: str, network: str, grouping: str | None = None) -> Bar:
        """A network's runs on a data set.

        Raises:
            InputError: none is finished.
        """
        if (dataset, network, grouping) not in self._bars:
            by = f" split by {grouping}" if grouping else ""
            raise InputError(f"{self.record['experiment']}: has no result of {network} on {dataset}{by}")
        return self._bars[dataset, network, grouping]

    def mean(self, dataset: str, network: str, grouping: str | None = None, metric: str = "") -> float:
        """The experiment's metric or another one, mean over the seeds; raises as `bar`."""
        return self.bar(dataset, network, grouping).mean(metric or self.record["metric"])


@dataclass(frozen=True)
class Judgement:
    """What an experiment says.

    Attributes:
        ours: what comes out here, in few words.
        verdict: whether it bears the suspected cause out.
        evidence: sentences with the numbers that decided.
    """

    ours: str
    verdict: Verdict
    evidence: Sequence[str] = ()


def verdict(acts: bool, enough: bool) -> Verdict:
    """On a cause that acts as suspected or not, and makes the whole difference or a part of it."""
    if not acts:
        return "unexplained"
    return "explained" if enough else "partly explained"


@dataclass(frozen=True)
class Suspect:
    """A suspected cause.

    Attributes:
        paper: what the paper says, and where.
        cause: what may be behind it.
        judge: says from the results of the experiment whether it is.
        seen: where the cause can be seen in published files.
    """

    paper: str
    cause: str
    judge: Callable[[Results], Judgement]
    seen: Sequence[str] = ()

    def judged(self, record: dict[str, Any]) -> Judgement:
        """By a record; not run if that lacks what it takes."""
        try:
            return self.judge(Results(record))
        except InputError as error:
            return Judgement("", "not run", (str(error),))

    def lines(self, judgement: Judgement) -> list[str]:
        """A section in Markdown, without a heading."""
        head = f"The paper: {self.paper} Suspected: {self.cause} **{judgement.verdict.capitalize()}.**"
        return [head, "", *(f"- {line}" for line in (*judgement.evidence, *self.seen))]

    def draw(self, stem: Path, record: dict[str, Any]) -> None:
        """Writes the record's table with the judgement below it."""
        write_record_table(record, stem, self.lines(self.judged(record)))
