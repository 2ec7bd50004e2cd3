import math
from dataclasses import replace

import pytest
from flameout._course import STAY, WINDOW, Goal, follow
from flameout._evidence import SIGNIFICANT, by_chance, conclude, enough, proofs, remedies, worth_trying
from flameout._framework import Change
from flameout._replay import CHOSEN, NEARER
from flameout.diagnosis import Trial

CLIP = Change("clip", 1.0, name="clipping", cause="single long gradients")
RATE = Change("learning-rate", 0.1, name="a lower rate", cause="the learning rate is too high")
SKIP = Change("skip", 7, name="batch left out", cause="a harmful batch")
OTHER = Change("skip", 3, name="another batch left out")


def trial(change, wrong, of):
    return Trial(change, wrong, of, 0)


def test_five_against_none_of_six_is_no_chance_and_three_against_none_of_four_may_be():
    assert by_chance(trial(None, 5, 5), trial(CLIP, 0, 6)) == pytest.approx(1 / 462)
    assert by_chance(trial(None, 3, 5), trial(CLIP, 0, 6)) == pytest.approx(10 / 165)


def test_a_change_must_hold_the_more_often_the_seldomer_the_control_goes_wrong():
    assert [enough(trial(None, wrong, 24)) for wrong in (24, 12, 7, 6, 0)] == [2, 9, 20, 25, None]
    assert enough(trial(None, 5, 24)) is None
    assert enough(trial(None, 5, 5)) == 4 and enough(trial(None, 3, 3)) is None


def test_a_change_without_an_effect_seldom_holds_though_the_best_of_six_starts_is_taken():
    def binomial(wrong, of, p):
        return math.comb(of, wrong) * p**wrong * (1 - p) ** (of - wrong)

    def held(p):
        """The probability that a change without an effect counts as one, if each replay goes wrong with probability `p`."""
        chosen = sum(binomial(wrong, 12, p) for wrong in range(13) if wrong >= 12 * CHOSEN)
        needed = {wrong: enough(trial(None, wrong, 24)) for wrong in range(25)}
        told = {wrong: of for wrong, of in needed.items() if of is not None}
        passed = chosen * sum(binomial(wrong, 24, p) for wrong in told)
        holds = chosen * sum(binomial(wrong, 24, p) * (1 - p) ** of for wrong, of in told.items())
        return sum((1 - passed) ** start * holds for start in range(1 + len(NEARER)))

    assert max(held(share / 100) for share in range(1, 100)) < SIGNIFICANT


def test_the_first_cause_that_held_is_named():
    base = trial(None, 5, 5)
    named, reason = conclude(base, [trial(SKIP, 1, 1), trial(CLIP, 0, 6), trial(RATE, 0, 6)])
    assert named is CLIP and "0 of 6" in reason and "5 of 5" in reason
    assert conclude(base, [trial(CLIP, 1, 3), trial(RATE, 0, 6)])[0] is RATE
    assert conclude(base, [trial(CLIP, 0, 2)])[0] is None


def test_a_lower_rate_goes_before_a_remedy_that_may_only_delay_the_collapse():
    base, delaying = trial(None, 5, 5), replace(CLIP, may_delay=True)
    assert remedies(proofs(base, [trial(delaying, 0, 6), trial(RATE, 0, 6)])) == (RATE, delaying)
    assert remedies(proofs(base, [trial(delaying, 0, 6), trial(RATE, 1, 3)])) == (delaying,)
    assert remedies(proofs(base, [trial(CLIP, 0, 6), trial(RATE, 0, 6)])) == (CLIP,)
    assert remedies(proofs(base, [trial(CLIP, 1, 6)])) == ()


def test_lower_rates_are_tried_after_a_remedy_that_may_only_delay():
    base, half, delaying = trial(None, 5, 5), replace(RATE, value=0.5, cause=None), replace(CLIP, may_delay=True)

    def tried(changes, holding):
        trials = []
        for change in worth_trying(changes, lambda: proofs(base, trials)):
            trials.append(trial(change, 0, 6) if change in holding else trial(change, 1, 1))
        return [one.change for one in trials]

    third, tenth = replace(RATE, value=0.333), replace(RATE, value=0.1)
    changes = [SKIP, delaying, half, third, tenth, CLIP]
    assert tried(changes, {delaying, third}) == [SKIP, delaying, third]
    assert tried(changes, {delaying, tenth}) == [SKIP, delaying, third, tenth]
    assert tried(changes, {delaying, half}) == [SKIP, delaying, third, tenth]
    assert tried(changes, {SKIP}) == [SKIP]
    assert tried(changes, {CLIP}) == changes


def test_a_batch_is_no_cause_if_any_other_will_do():
    base = trial(None, 5, 5)
    assert conclude(base, [trial(OTHER, 0, 6), trial(SKIP, 0, 6)])[0] is None
    assert conclude(base, [trial(OTHER, 1, 1), trial(SKIP, 0, 6)])[0] is SKIP


def test_without_a_certain_control_nothing_is_named():
    named, reason = conclude(trial(None, 2, 5), [trial(CLIP, 0, 6)])
    assert named is None and "too few" in reason


def test_a_change_that_chance_replaces_is_no_cause():
    base, held = trial(None, 5, 5), trial(RATE, 0, 6)
    named, reason = conclude(base, [trial(CLIP, 1, 1), held], {RATE: trial(None, 6, 6)})
    assert named is RATE and "weights moved at random as far 6 of 6" in reason
    named, reason = conclude(base, [held], {RATE: trial(None, 2, 6)})
    assert named is None and "so does chance" in reason
    assert conclude(base, [held, trial(CLIP, 0, 6)], {RATE: trial(None, 2, 6), CLIP: trial(None, 6, 6)})[0] is CLIP


def test_a_rise_that_stays_is_wrong_though_it_comes_back_and_a_short_one_is_not():
    low, high, goal = [1.0] * 50, [3.0], Goal(2.0, 500)
    long = follow(iter(low + high * (WINDOW + STAY) + low * 20), goal)
    assert long.wrong and len(long.losses) < 100
    short = follow(iter(low + high * (STAY // 2) + low * 20), goal)
    assert not short.wrong and len(short.losses) == 500
    assert follow(iter([*low, float("nan")]), goal).wrong
