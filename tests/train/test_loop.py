"""The loop: early stopping, resuming, the collapse guard, chance on shuffled labels."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train.test_step import HYPER, KEY, data, task
from voxjax.config import GuardConfig, TrainConfig
from voxjax.errors import VoxJaxError
from voxjax.train import collapse_detection, ensemble, loop, run_state, sharding, step
from voxjax.train.compilations import count_compilations

PLAN = TrainConfig(epochs=4, batch_size=4, patience_epochs=10)
LABELS = ("angry", "calm", "happy", "sad")


def eval_split(clips):
    places = np.arange(len(clips.labels))
    return run_state.EvalSplit(places, places, np.asarray(clips.labels))


def fake_logits(monkeypatch, split, function):
    """Replaces the logits of one split by a function of them."""
    real = loop.clip_means
    monkeypatch.setattr(loop, "clip_means", lambda x, given: function(x) if given is split else real(x, given))


def setup(plan=PLAN, hypers=(HYPER,), own=None, mode="vmap", guard=None, rows=None, valid=None, tasks=None):
    """A run of small members on 12 clips, member `m` with the m-th key."""
    own = own or data()
    clips = own.clips
    rows = rows or [np.arange(len(clips.labels), dtype=np.int32)] * len(hypers)
    tasks = tasks or [task()] * len(hypers)
    program = ensemble.Program(ensemble.group_members(tasks, mode), sharding.mesh(1, 1))
    plans = []
    for m, hyper in enumerate(hypers):
        steps = plan.epochs * max(1, len(rows[m]) // plan.batch_size)
        numbers = (jax.tree.map(np.float32, hyper), jax.tree.map(np.asarray, own.scaler), np.asarray(own.class_weights))
        member = ensemble.MemberArrays(*numbers, np.float32(steps), jax.random.fold_in(KEY, m))
        plans.append(run_state.MemberPlan(f"optimized {m + 1}", member, rows[m], valid or eval_split(clips)))
    placed = sharding.replicate(program, (clips,))
    return run_state.RunSetup(program, placed, tuple(plans), plan, guard or GuardConfig(), LABELS)


def fit(run, progress=None, on_step=lambda *_: None, messages=None):
    hooks = run_state.Hooks(on_step, lambda *_: None, (messages if messages is not None else []).append)
    return loop.fit(run, progress or loop.begin(run), hooks)


def host(tree):
    return jax.tree.map(np.array, tree)


def assert_same(a, b):
    for ours, theirs in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_every_step_is_reported_once_and_in_order():
    steps = []
    fit(setup(), on_step=lambda epoch, count, loss: steps.append((epoch, count)))
    assert steps == [(epoch, count) for epoch in range(4) for count in (1, 2, 3)]


@pytest.mark.full_compiler
def test_resumed_run_gives_the_same_bits():
    uninterrupted = fit(setup())
    run = setup()
    half = fit(run._replace(train=dataclasses.replace(PLAN, epochs=2)))
    kept = half._replace(states=sharding.shard_members(run.program, host(half.states)))
    resumed = fit(run, kept)
    assert_same(resumed.states, uninterrupted.states)
    assert [row["valid_uar"] for row in resumed.members[0].history] == [
        row["valid_uar"] for row in uninterrupted.members[0].history
    ]


def test_keep_last_keeps_the_last_epoch_even_where_another_was_better():
    progress = fit(setup(dataclasses.replace(PLAN, keep="last", patience_epochs=1)))
    member = progress.members[0]
    assert progress.epoch == 4 and member.best_epoch == 4  # patience did not stop the run
    assert member.best_uar == member.history[-1]["valid_uar"]
    assert_same(member.best, ensemble.unstack(setup().program.groups, sharding.fetch(progress.states))[0].averaged)


def test_of_equally_good_epochs_the_last_is_the_best_and_its_weights_are_kept():
    run = setup(dataclasses.replace(PLAN, epochs=6))
    progress = fit(run)
    member = progress.members[0]
    scores = [row["valid_uar"] for row in member.history]
    best = max(i + 1 for i, score in enumerate(scores) if score == max(scores))
    assert member.best_epoch == best and member.best_uar == max(scores)
    logits = loop.best_logits(run, progress, [run.plans[0].valid])[0]
    truth = run.plans[0].valid.labels
    recalls = [np.mean(logits[truth == k].argmax(1) == k) for k in range(4)]
    assert np.mean(recalls) == pytest.approx(max(scores))


def worsening():
    """Validation logits that are all correct in the first epoch and all wrong in later ones."""
    calls = iter([np.eye(4)[np.arange(12) % 4] * 5, *[np.eye(4)[(np.arange(12) + 1) % 4] * 5] * 49])
    return lambda logits: next(calls).astype(np.float32)


def test_stops_when_patience_ends(monkeypatch):
    frozen = dataclasses.replace(HYPER, learning_rate=0.0)
    run = setup(dataclasses.replace(PLAN, epochs=50, patience_epochs=3), (frozen,))
    fake_logits(monkeypatch, run.plans[0].valid, worsening())
    progress = fit(run)
    assert progress.epoch == 4 and progress.members[0].best_epoch == 1


def test_a_member_that_stops_is_frozen_while_the_rest_train_on(monkeypatch):
    """The first member gets worse from the second epoch, the second keeps its score: only the first stops."""
    plan = dataclasses.replace(PLAN, epochs=8, patience_epochs=3)
    run = setup(plan, (HYPER, dataclasses.replace(HYPER, learning_rate=1e-3)))
    fake_logits(monkeypatch, run.plans[0].valid, worsening())
    fake_logits(monkeypatch, run.plans[1].valid, lambda x: np.eye(4)[np.arange(12) % 4])
    recorded = []
    hooks = run_state.Hooks(
        lambda *_: None, lambda progress, _: recorded.append(host(progress.states)[0]), lambda _: None
    )
    progress = loop.fit(run, loop.begin(run), hooks)
    first, second = ([jax.tree.map(lambda x, m=m: x[m], state) for state in recorded] for m in (0, 1))
    assert [int(state.step) for state in first] == [3, 6, 9, 12, 12, 12, 12, 12]
    assert_same(first[3], first[7])
    assert int(second[7].step) == 24
    assert [len(member.history) for member in progress.members] == [4, 8]


@pytest.mark.parametrize("action", ["warn", "stop"])
def test_a_run_without_a_finite_step_is_an_error_that_says_what_to_change(action):
    own = data()
    clips = own.clips._replace(features=own.clips.features.at[:].set(jnp.nan))
    with pytest.raises(VoxJaxError, match=r"non-finite.*learning_rate"):
        fit(setup(own=own._replace(clips=clips), guard=GuardConfig(action=action)))


def collapsing(epochs):
    """Validation logits that predict one class in the given epochs (from 1), and the true class in all others."""
    calls = iter(range(1, 100))
    right, one = np.eye(4)[np.arange(12) % 4] * 5, np.tile([0.0, 0.0, 5.0, 0.0], (12, 1))
    return lambda logits: (one if next(calls) in epochs else right).astype(np.float32)


def collapsed_run(monkeypatch, action, epochs, **more):
    guard = GuardConfig(action=action, after_epochs=1, patience_epochs=2, **more)
    run = setup(dataclasses.replace(PLAN, epochs=8), guard=guard)
    fake_logits(monkeypatch, run.plans[0].valid, collapsing(epochs))
    return run


def test_a_collapse_is_reported_once_with_its_class_and_member(monkeypatch):
    messages = []
    progress = fit(collapsed_run(monkeypatch, "warn", range(4, 99)), messages=messages)
    assert len(messages) == 1 and "'happy'" in messages[0] and "optimized 1" in messages[0]
    assert progress.members[0].warning == messages[0] and progress.epoch == 8
    with pytest.raises(VoxJaxError, match=r"'happy'.*recover"):
        fit(collapsed_run(monkeypatch, "stop", range(4, 99)))


def test_recovery_rolls_back_lowers_rate_and_gamma_and_trains_on(monkeypatch):
    run = collapsed_run(monkeypatch, "recover", (4, 5))
    recorded, messages = [], []
    hooks = run_state.Hooks(lambda *_: None, lambda progress, _: recorded.append(progress), messages.append)
    states = []
    hooks = hooks._replace(
        on_epoch=lambda progress, _: (recorded.append(progress), states.append(host(progress.states)))
    )
    progress = loop.fit(run, loop.begin(run), hooks)
    assert len(messages) == 1 and "rolled back" in messages[0]
    member = progress.members[0]
    assert member.recovered == (5,) and progress.epoch == 8
    assert member.hyper.learning_rate == pytest.approx(0.5 * HYPER.learning_rate)
    assert_same(states[4][0].variables, states[2][0].variables)  # epoch 3 was the last healthy one
    assert int(states[4][0].step[0]) == 15 and int(states[7][0].step[0]) == 24


def test_recovery_is_given_up_after_max_recoveries(monkeypatch):
    messages = []
    with pytest.raises(VoxJaxError, match="'happy'"):
        fit(collapsed_run(monkeypatch, "recover", range(2, 99), max_recoveries=1), messages=messages)
    assert len(messages) == 1


def test_logits_do_not_depend_on_the_chunk():
    run = setup()
    progress = loop.begin(run)
    rows = np.tile(np.arange(12), 9)  # 108 rows: two chunks
    many = run_state.EvalSplit(rows, np.arange(108), np.tile(eval_split(data().clips).labels, 9))
    logits = loop.best_logits(run, progress, [many])[0]
    assert logits.shape == (108, 4)
    np.testing.assert_allclose(logits, np.tile(logits[:12], (9, 1)), atol=1e-5)


def test_a_run_compiles_each_function_once():
    loop.train_step.clear_cache()
    loop.evaluate_step.clear_cache()
    run = setup(hypers=(HYPER, HYPER))
    with count_compilations("train_step") as steps, count_compilations("evaluate") as evaluations:
        loop.best_logits(run, fit(run), [plan.valid for plan in run.plans])
    assert len(steps) == len(evaluations) == 1


def test_shuffled_labels_give_chance():
    """Features unrelated to their labels can be memorised, but new clips are predicted at chance."""
    random = np.random.default_rng(0)
    values = random.normal(-50, 10, (160, 1, 40, 16)).astype(np.float32)
    labels = random.integers(0, 4, 160).astype(np.int32)
    clips = step.Clips(jnp.asarray(values), jnp.full((160, 1), 40, jnp.int32), jnp.asarray(labels))
    valid = run_state.EvalSplit(np.arange(60, 160), np.arange(100), labels[60:])
    plan = dataclasses.replace(PLAN, epochs=8, batch_size=20)
    progress = fit(setup(plan, own=data()._replace(clips=clips), rows=[np.arange(60, dtype=np.int32)], valid=valid))
    assert abs(progress.members[0].history[-1]["valid_uar"] - 0.25) < 0.13  # three deviations of 100 clips


def test_prediction_statistics_of_a_member_are_in_its_history():
    run = setup()
    logits = []
    progress = loop.fit(
        run, loop.begin(run), run_state.Hooks(lambda *_: None, lambda _, each: logits.append(each[0]), print)
    )
    for row, own in zip(progress.members[0].history, logits, strict=True):
        found = collapse_detection.prediction_statistics(own.argmax(-1), run.plans[0].valid.labels, 4)
        assert (row["majority_fraction"], row["majority_class"]) == (found.majority_fraction, found.majority_class)
        assert (row["steps"], row["nonfinite_steps"], row["true_majority_fraction"]) == (3, 0, 0.25)


def test_each_epoch_has_its_own_order_of_clips(monkeypatch):
    epochs = []
    real = loop.batches.order
    monkeypatch.setattr(
        loop.batches, "order", lambda key, epoch, *size: epochs.append(int(epoch)) or real(key, epoch, *size)
    )
    batches = []
    real_step = loop.train_step
    monkeypatch.setattr(loop, "train_step", lambda *given: batches.append(np.asarray(given[4][0])) or real_step(*given))
    fit(setup())
    assert epochs == [0, 1, 2, 3]
    orders = np.concatenate(batches).reshape(4, -1)  # [epochs, clips]
    assert all(sorted(order) == list(range(12)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_training_loss_is_a_mean_over_clips_and_not_over_batches():
    sums = [
        step.Sums(np.float32(6), *np.float32([1, 3, 1, 0, 0, 1])),
        step.Sums(np.float32(1), *np.float32([1, 1, 1, 0, 0, 1])),
    ]
    total = step.Sums(*(np.sum(parts) for parts in zip(*sums, strict=True)))
    row = loop._row(1, total, np.eye(4, dtype=np.float32), np.arange(4), 1.0)
    assert row["train_loss"] == pytest.approx(7 / 4) and row["train_accuracy"] == pytest.approx(2 / 4)
