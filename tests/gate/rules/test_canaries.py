"""Evaluations that cannot be believed."""

from __future__ import annotations

from recsys_tasks.gate.canaries import Canaries, OwnAndOthers
from recsys_tasks.gate.recount import Counted, Recount
from tests.gate.cases import BASE, MIXED, NOISE, R2, RNG, failed, judge, measured


def test_an_evaluation_that_cannot_tell_plain_popularity_is_refused() -> None:
    decision = judge(
        measured("r1", BASE), None, baseline=measured("popularity", BASE + NOISE - NOISE.mean())
    )
    assert decision.verdict == "refuse" and "told_from_popularity" in failed(decision)
    assert "canary plain popularity: the evaluation cannot distinguish" in decision.paragraph


def test_a_challenger_that_is_popularity_is_named_so() -> None:
    decision = judge(measured("r2", BASE * 1.2), canaries=Canaries(popularity_overlap=0.99))
    assert decision.verdict == "reject" and failed(decision) == {"not_plain_popularity"}
    assert "it is plain popularity: 99% of its places" in decision.paragraph
    assert judge(measured("r2", BASE * 1.2), canaries=Canaries(popularity_overlap=0.4)).promotes


def test_evaluation_that_cannot_tell_shuffled_from_real_is_refused() -> None:
    r2 = measured("r2", BASE * 1.2)
    assert judge(r2, canaries=Canaries(shuffled=measured("shuffled", BASE * 0.1))).promotes
    decision = judge(
        r2, canaries=Canaries(shuffled=measured("shuffled", RNG.permutation(BASE * 1.2)))
    )
    assert decision.verdict == "refuse" and failed(decision) == {"real_beats_shuffled"}
    assert "canary shuffled labels" in decision.paragraph


def earlier(left: float) -> OwnAndOthers:
    """One window earlier, other users: this part of the figure is left by others' truth."""
    return OwnAndOthers(measured("real", BASE[:300]), measured("shuffled", BASE[:300] * left))


def test_where_users_are_alike_shuffled_labels_have_nothing_to_say() -> None:
    decision = judge(R2, canaries=Canaries(shuffled=OwnAndOthers(R2, MIXED), earlier=earlier(0.97)))
    assert decision.promotes
    assert "nothing to say" in decision.paragraph and "users are alike here" in decision.paragraph
    reversed_ = judge(R2, canaries=Canaries(shuffled=OwnAndOthers(R2, MIXED), earlier=earlier(1.3)))
    assert (
        reversed_.promotes
        and "only 0% of retrieval's ndcg@10 was personal beyond chance" in reversed_.paragraph
    )


def test_where_users_differ_an_evaluation_that_does_not_tell_them_apart_is_refused() -> None:
    decision = judge(R2, canaries=Canaries(shuffled=OwnAndOthers(R2, MIXED), earlier=earlier(0.1)))
    assert decision.verdict == "refuse" and failed(decision) == {"real_beats_shuffled"}
    assert (
        "users do differ here: one window earlier 90% of retrieval's ndcg@10" in decision.paragraph
    )


def test_an_evaluation_that_comes_out_otherwise_when_counted_again_is_refused() -> None:
    fine = Recount(
        truth=Counted(400), figures=Counted(400), lists=Counted(50, 5), claims=Counted(50, 5)
    )
    decision = judge(R2, canaries=Canaries(recount=fine))  # a tenth of the lists: near ties
    assert (
        decision.promotes
        and "it comes out the same (truth of 400, figures of 400, lists of 50" in decision.paragraph
    )
    for recount, words in (
        (Recount(truth=Counted(400, 1)), "what 1 of 400 users are said to have done"),
        (Recount(delivered=Counted(400, 2)), "no delivered row of theirs says"),
        (Recount(labels=Counted(90, 1)), "the labels of 1 of 90 users"),
        (Recount(history=Counted(400, 1)), "the features of 1 of 400 users know other events"),
        (Recount(figures=Counted(400, 3)), "the figures of 3 of 400 users"),
        (Recount(lists=Counted(50, 6)), "6 of 50 users were measured by another list"),
        (Recount(claims=Counted(50, 6)), "items or scores that the release does not give them"),
    ):
        decision = judge(R2, canaries=Canaries(recount=recount))
        assert decision.verdict == "refuse" and failed(decision) == {"recount_agrees"}
        assert words in decision.paragraph


def test_an_evaluation_that_does_not_see_the_future_is_refused() -> None:
    r2 = measured("r2", BASE * 1.2)
    assert judge(r2, canaries=Canaries(future=measured("future", BASE * 2))).promotes
    decision = judge(r2, canaries=Canaries(future=measured("future", BASE * 1.2)))
    assert decision.verdict == "refuse" and failed(decision) == {"future_is_seen", "not_too_good"}
    assert "canary future feature" in decision.paragraph


def test_a_release_as_good_as_one_that_knows_the_future_is_refused() -> None:
    decision = judge(
        measured("r2", BASE * 1.2), canaries=Canaries(future=measured("future", BASE * 1.25))
    )
    assert decision.verdict == "refuse" and failed(decision) == {"not_too_good"}
    assert "it reaches 96% of what its own lists would" in decision.paragraph


def test_a_leaking_column_is_refused_by_name() -> None:
    columns = {"user_days": 0.6, "pair_next_week": 0.999, "unknown": float("nan")}
    decision = judge(measured("r2", BASE * 1.2), canaries=Canaries(columns=columns))
    assert decision.verdict == "refuse" and failed(decision) == {"no_leaking_column"}
    assert "'pair_next_week' alone orders what users did next with AUC 0.999" in decision.paragraph
    assert judge(measured("r2", BASE * 1.2), canaries=Canaries(columns={"user_days": 0.9})).promotes
