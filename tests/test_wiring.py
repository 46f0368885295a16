"""Python decides: what a controller refuses must not stay on the screen."""

import comm
import pytest
from comm.base_comm import BaseComm
from traitlets import HasTraits, Int, List, TraitError, Tuple, validate

from ganwidgets.jobs import Controller
from ganwidgets.wiring import Gate, join, show, view_link


class Session(Controller):
    """Takes units 0 to 9; keeps them in order."""

    units = Tuple()
    n = Int(5)

    @validate("units")
    def _check_units(self, proposal):
        if any(unit > 9 for unit in proposal["value"]):
            raise TraitError("`units` must be below 10.")
        return tuple(sorted(proposal["value"]))

    @validate("n")
    def _check_n(self, proposal):
        if proposal["value"] < 1:
            raise TraitError("`n` must be 1 or more.")
        return proposal["value"]


class RecordingComm(BaseComm):
    """A front end that only listens."""

    sent: list

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        if msg_type == "comm_open":
            self.sent = []
        self.sent.append(data)


@pytest.fixture
def grid(monkeypatch):
    monkeypatch.setattr(comm, "create_comm", lambda *args, **kwargs: RecordingComm(*args, **kwargs))
    from ganwidgets import ui

    grid = ui.UnitGrid(rows={"unit": list(range(20))})
    yield grid
    grid.close()


def browser_sets(widget, **state):
    """What the kernel does when the front end writes traits; returns what went back."""
    before = len(widget.comm.sent)
    data = {"method": "update", "state": state, "buffer_paths": []}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})
    sent = widget.comm.sent[before:]
    return [message["state"] for message in sent if message.get("method") == "update"]


def test_join_starts_from_the_controller_and_goes_both_ways(grid):
    session = Session(units=(3,))
    join(session, "units", grid, "selected", to_view=list, to_python=tuple)
    assert grid.selected == [3]
    session.units = (8, 1)
    assert grid.selected == [1, 8]
    browser_sets(grid, selected=[2])
    assert session.units == (2,) and session.error == ""


def test_a_refused_value_goes_back_to_the_browser_with_the_reason(grid):
    session = Session(units=(3,))
    join(session, "units", grid, "selected", to_view=list, to_python=tuple)
    sent = browser_sets(grid, selected=[3, 12])
    assert session.units == (3,) and grid.selected == [3]
    assert sent[-1]["selected"] == [3]
    assert session.error == "`units` must be below 10."
    browser_sets(grid, selected=[4])
    assert session.units == (4,) and session.error == ""


def test_a_value_the_controller_changed_goes_back_changed(grid):
    class Capped(Session):
        @validate("units")
        def _check_units(self, proposal):
            return tuple(proposal["value"])[:1]

    session = Capped(units=(3,))
    join(session, "units", grid, "selected", to_view=list, to_python=tuple)
    sent = browser_sets(grid, selected=[3, 5])
    assert grid.selected == [3] and sent[-1]["selected"] == [3] and session.error == ""


def test_an_accepted_value_is_not_sent_back_again(grid):
    session = Session()
    join(session, "units", grid, "selected", to_view=list, to_python=tuple)
    sent = browser_sets(grid, selected=[3])
    assert len(sent) <= 1  # ipywidgets' own echo


def test_one_entry_of_a_dict_can_be_joined():
    from ganwidgets import ui

    session = Session()
    controls = ui.Controls(fields=[{"name": "n", "kind": "int"}, {"name": "m", "kind": "int"}], values={"m": 1})
    join(session, "n", controls, "values", key="n")
    assert controls.values == {"m": 1, "n": 5}
    controls.values = {"m": 2, "n": 7}
    assert session.n == 7
    controls.values = {"m": 3, "n": 0}
    assert session.n == 7 and controls.values == {"m": 3, "n": 7} and session.error == "`n` must be 1 or more."


def test_disconnect_cuts_both_directions(grid):
    session = Session()
    wire = join(session, "units", grid, "selected", to_view=list, to_python=tuple)
    wire.disconnect()
    wire.disconnect()
    session.units = (1,)
    grid.selected = [2]
    assert (session.units, grid.selected) == ((1,), [2])


def test_show_follows_several_traits():
    class View(HasTraits):
        text = List()

    session, view = Session(), View()
    wire = show(session, ["n", "units"], view, "text", lambda n, units: [n, *units])
    session.units = (1, 2)
    assert view.text == [5, 1, 2]
    wire.disconnect()
    session.n = 6
    assert view.text == [5, 1, 2]


def test_show_sets_several_traits_in_one_message(grid):
    session = Session()
    show(session, ["n", "units"], grid, ["query", "selected"], lambda n, units: (str(n), units))
    before = len(grid.comm.sent)
    session.set_trait("n", 7)
    with session.hold_trait_notifications():
        session.n, session.units = 8, (2,)
    assert (grid.query, grid.selected) == ("8", [2])
    states = [message["state"] for message in grid.comm.sent[before:] if message.get("method") == "update"]
    assert states[0] == {"query": "7"} and states[1] == {"query": "8", "selected": [2]}


def test_a_view_link_works_in_python_and_is_recorded_as_data(grid):
    from ganwidgets import ui

    bars = ui.Histogram(bars=[{"key": "sky", "value": 3}])
    layout = ui.Layout.of(ui.row(bars, grid))
    wire = view_link(layout, (bars, "selected"), (grid, "concepts"))
    bars.selected = ["sky"]
    assert grid.concepts == ["sky"]
    assert layout.links == [{"source": 0, "source_trait": "selected", "target": 1, "target_trait": "concepts"}]
    wire.disconnect()
    bars.selected = []
    assert grid.concepts == ["sky"]


def test_who_follows_through_a_shut_gate_catches_up_once_when_it_opens():
    class View(HasTraits):
        n = Int()
        late = Int()

    source, view, gate, order = Session(), View(), Gate(), []
    wires = show(source, "n", view, "late", lambda n: 10 * n, gate=gate), show(source, "n", view, "n")
    view.observe(lambda change: order.append((change.name, change.new)), ["n", "late"])
    source.n = 6
    assert order == [("late", 60), ("n", 6)]
    with gate.shut(), gate.shut():
        source.n = 7
        source.n = 8
        assert order[2:] == [("n", 7), ("n", 8)] and view.late == 60
    assert order[4:] == [("late", 80)]
    with pytest.raises(ZeroDivisionError), gate.shut():
        source.n = 9
        raise ZeroDivisionError
    assert view.late == 90
    for wire in wires:
        wire.disconnect()
