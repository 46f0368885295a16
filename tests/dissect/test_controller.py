"""A dissection session by assigning traits: labels come early, cancel keeps, layers keep results and selections."""

import asyncio
import threading

import pytest
from traitlets import TraitError

RED = 0  # covers a quarter of all pixels, with one value: a smaller top fraction would cut it off


@pytest.fixture
def make(planted, reader):
    from ganwidgets.dissect.controller import DissectController

    made, defaults = [], {"layer": "layer1", "n": 200, "top_fraction": 0.4}

    def make(network=planted, segmenter=reader, **traits):
        made.append(DissectController(network, segmenter, **(defaults | traits)))
        return made[-1]

    yield make
    for controller in made:
        controller.close()


class Slow:
    """A segmenter that waits before the batch that a test names, until the test lets it go on."""

    def __init__(self, reader, stop_at):
        self.reader, self.stop_at, self.batches = reader, stop_at, 0
        self.reached, self.go = threading.Event(), threading.Event()
        self.name, self.concepts, self.categories, self.slots = "slow", reader.concepts, reader.categories, reader.slots

    def __call__(self, images):
        self.batches += 1
        if self.batches == self.stop_at:
            self.reached.set()
            assert self.go.wait(20)
        return self.reader(images)


def concept_of(controller, unit):
    found = controller.result.layers[controller.layer].concept[unit]
    return controller.result.concepts[found]


def test_a_run_finds_the_planted_unit(make):
    controller = make()
    assert controller.run() is None
    controller.wait(30.0)
    assert (controller.status, controller.error, controller.progress) == ("done", "", 1.0)
    assert controller.result.n == 200 and controller.result.complete
    assert concept_of(controller, RED) == "red"
    assert controller.dissected == ("layer1",) and controller.n_done == controller.n_total == 200


def test_waiting_for_a_run_gives_what_a_script_gets(make, planted, reader):
    import ganwidgets as gw

    controller = make(seed=3, top_fraction=0.05)
    found = controller.run(wait=True)
    script = gw.dissect.run(planted, layer="layer1", segmenter=reader, n=200, seed=3, top_fraction=0.05)
    assert found is controller.result
    assert found.to_frame().equals(script.to_frame())


def test_the_other_rule_runs_too(make):
    controller = make(rule="iqr", n=100)
    controller.run(wait=True)
    assert controller.result.rule == "iqr" and controller.n_total == 200 == controller.n_done


def test_an_async_cell_can_await_a_run(make):
    controller = make()
    assert asyncio.run(controller.arun()).n == 200


def test_first_labels_come_after_64_images_and_are_refined(make, reader, monkeypatch):
    from ganwidgets.dissect import controller as module

    monkeypatch.setattr(module, "RESULT_INTERVAL", 0.0)
    monkeypatch.setattr(module, "SHARE", 1e9)
    controller, seen = make(), []
    controller.observe(lambda change: seen.append((change.new.n, change.new.complete)), "result")
    controller.run()
    controller.wait(30.0)
    assert seen[0] == (64, False) and seen[-1] == (200, True) and len(seen) > 2
    assert seen == sorted(seen)


def test_results_are_concluded_about_once_a_second(make):
    controller, seen = make(n=600), []
    controller.observe(lambda change: seen.append(change.new.n), "result")
    controller.run()
    controller.wait(60.0)
    assert seen[0] == 64 and len(seen) < 10 and seen[-1] == 600


def test_cancel_keeps_what_there_is_and_resume_gives_what_one_run_gives(make, reader):
    whole = make(n=300).run(wait=True)
    slow = Slow(reader, stop_at=5)
    controller = make(segmenter=slow, n=300)
    controller.run()
    assert slow.reached.wait(20)
    controller.cancel()
    slow.go.set()
    controller.wait(30.0)
    assert controller.status == "cancelled" and controller.error == ""
    partial = controller.result
    assert partial.n == controller.n_done == 5 * 32 and not partial.complete  # the batch at work is kept
    controller.resume()
    controller.wait(30.0)
    assert controller.status == "done" and controller.result.n == 300 and slow.batches == 10
    assert controller.result.to_frame().equals(whole.to_frame())


def test_resume_without_a_run_starts_one(make):
    assert make().resume(wait=True).n == 200


def test_an_error_keeps_the_partial_result_and_can_be_resumed(make, reader):
    class Fails:
        name, concepts, categories, slots = "fails", reader.concepts, reader.categories, reader.slots
        batches = 0

        def __call__(self, images):
            self.batches += 1
            if self.batches == 5:
                raise RuntimeError("the segmenter lost its weights")
            return reader(images)

    controller = make(segmenter=Fails())
    controller.run()
    controller.wait(30.0)
    assert controller.status == "failed" and controller.error == "the segmenter lost its weights (RuntimeError)"
    assert controller.result.n == 128
    controller.resume()
    controller.wait(30.0)
    assert controller.status == "done" and controller.error == "" and controller.result.n == 200


def test_what_is_wrong_is_raised_when_one_waits_and_is_state_when_not(make):
    controller = make(segmenter=None)
    with pytest.raises(ValueError, match="`segmenter` must be given"):
        controller.run(wait=True)
    assert controller.status == "failed"
    controller.run()
    controller.wait(10.0)
    assert "`segmenter` must be given" in controller.error


def test_an_interrupt_keeps_the_partial_result(make, reader):
    import _thread

    class Interrupts:
        name, concepts, categories, slots = "interrupts", reader.concepts, reader.categories, reader.slots
        batches = 0

        def __call__(self, images):
            self.batches += 1
            if self.batches == 4:
                _thread.interrupt_main()
            return reader(images)

    controller = make(segmenter=Interrupts())
    with pytest.raises(KeyboardInterrupt):
        controller.run(wait=True)
    assert controller.status == "cancelled" and controller.result.n == 128


def test_layers_keep_their_results_and_their_selections(make):
    controller = make()
    controller.run(wait=True)
    first = controller.result
    controller.units = (0, 3)
    controller.layer = "layer2"
    assert controller.result is None and controller.units == () and controller.dissected == ("layer1",)
    controller.run(wait=True)
    controller.units = (5,)
    second = controller.result
    controller.layer = "layer1"
    assert controller.result is first and controller.units == (0, 3)
    controller.layer = "layer2"
    assert controller.result is second and controller.units == (5,)
    assert controller.dissected == ("layer1", "layer2")


def test_a_run_goes_on_for_its_layer_while_another_is_looked_at(make, reader):
    slow = Slow(reader, stop_at=4)
    controller = make(segmenter=slow)
    controller.run()
    assert slow.reached.wait(20)
    controller.layer = "layer2"
    assert controller.run_layer == "layer1" and controller.status == "running"
    slow.go.set()
    controller.wait(30.0)
    assert controller.result is None and controller.dissected == ("layer1",)
    controller.layer = "layer1"
    assert controller.result.complete


def test_a_new_run_replaces_the_one_that_goes_on(make, reader):
    slow = Slow(reader, stop_at=4)
    controller = make(segmenter=slow)
    controller.run()
    assert slow.reached.wait(20)
    controller.n = 100
    controller.run()
    slow.go.set()
    controller.wait(30.0)
    assert controller.status == "done" and controller.result.n == 100


def test_a_preview_comes_between_two_batches(make, planted, reader):
    from ganwidgets.ablate import AblateController

    slow = Slow(reader, stop_at=4)
    controller = make(segmenter=slow)
    controller.run()
    assert slow.reached.wait(20)
    preview = AblateController(planted, reader, layer="layer1", units=(0,))
    slow.go.set()
    preview.wait(20.0)
    assert slow.batches <= 6 and preview.effect is not None
    preview.close()


def test_a_dissection_that_was_made_before_is_shown(make):
    dissection = make(layer="layer2").run(wait=True)
    controller = make()
    controller.adopt(dissection)
    assert controller.layer == "layer2" and controller.result is dissection and controller.dissected == ("layer2",)


def test_a_dissection_that_was_made_before_brings_its_settings(make):
    chosen = {"n": 90, "seed": 7, "rule": "iqr", "top_fraction": 0.2, "truncation": 1.5}
    dissection = make(**chosen).run(wait=True)
    controller = make()
    controller.adopt(dissection)
    assert {name: getattr(controller, name) for name in chosen} == chosen
    again = controller.run(wait=True)
    assert again is not dissection and again.options == dissection.options


def test_runs_that_were_stopped_are_known_by_layer(make, reader):
    slow = Slow(reader, stop_at=2)
    controller = make(segmenter=slow)
    controller.run()
    assert slow.reached.wait(20)
    assert controller.stopped == {}
    controller.cancel()
    slow.go.set()
    controller.wait(30.0)
    assert controller.stopped == {"layer1": (64, 200, False)}
    controller.layer = "layer2"
    controller.run(wait=True)
    assert set(controller.stopped) == {"layer1"}
    controller.layer = "layer1"
    assert controller.resume(wait=True).complete and controller.stopped == {}


def test_a_dissection_of_another_network_is_refused(make):
    from ganwidgets.testing import planted_generator

    other = make(planted_generator(units=5)).run(wait=True)
    with pytest.raises(ValueError, match="`result` must be of this network"):
        make().adopt(other)


@pytest.mark.parametrize("units", [1, 2048])
def test_one_unit_and_two_thousand(make, units):
    from ganwidgets.testing import planted_generator

    controller = make(planted_generator(units=units, resolution=8), n=64)
    controller.run(wait=True)
    assert len(controller.result.layers["layer1"].concept) == units
    assert concept_of(controller, RED) == "red"
    controller.units = (units - 1,)


@pytest.mark.parametrize(
    ("trait", "value", "reason"),
    [
        ("layer", "layer12", "Did you mean 'layer2'"),
        ("units", (8,), "`units` must lie in 0 to 7"),
        ("n", 0, "`n` must lie in 1"),
        ("n", 2.5, "n"),
        ("seed", -1, "`seed`"),
        ("rule", "best", "top_fraction"),
        ("top_fraction", 0.0, "`top_fraction` must lie"),
        ("truncation", -1.0, "positive"),
    ],
)
def test_a_refused_value_leaves_what_stands(make, trait, value, reason):
    controller = make(units=(0,))
    before = getattr(controller, trait)
    with pytest.raises(TraitError, match=reason):
        setattr(controller, trait, value)
    assert getattr(controller, trait) == before


def test_a_layer_without_maps_is_refused(make, reader):
    import torch

    import ganwidgets as gw

    module = torch.nn.Sequential(torch.nn.Linear(4, 48), torch.nn.Unflatten(1, (3, 4, 4)), torch.nn.Tanh())
    controller = make(gw.TorchGenerator(module, z_shape=(4,)), layer="1")
    with pytest.raises(TraitError, match="must give maps"):
        controller.layer = "0"


def test_close_frees_the_runs_and_stops(make, reader):
    slow = Slow(reader, stop_at=4)
    controller = make(segmenter=slow)
    controller.run()
    assert slow.reached.wait(20)
    controller.close()
    slow.go.set()
    before = controller.result
    assert controller._runs == {}
    controller.submit(lambda progress: None, lambda value: None).ended.result(20)
    assert controller.result is before
