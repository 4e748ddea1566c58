"""What must hold of the users' reviews before they are published."""

from __future__ import annotations

from expectations.checks import Suite, critical, grain, warning

_STARS = ", ".join(f"stars_{n}" for n in range(1, 6))
_SUM_OF_STARS = " + ".join(f"stars_{n}" for n in range(1, 6))
_WEIGHTED_STARS = " + ".join(f"{n} * stars_{n}" for n in range(1, 6))

# Whatever leads to a person: less than the marts' macro blanks, so that nothing it leaves fails.
_CONTACT = r"[@＠][\p{{L}}\p{{N}}_]|https?://\w|www\.\w|\d([ ().-]{{0,2}}\d){{6,}}"


def reviews_weekly() -> Suite:
    """One row of the batch is one app in one store in one week."""
    return Suite(
        name="fct_reviews_weekly",
        stage="mart",
        subject="fct_reviews_weekly",
        batch="select * from marts.fct_reviews_weekly",
        checks=(
            grain("app_id, store, week_start"),
            critical(
                "the stars add up to the reviews, and their mean is the rating",
                "The bars and the line of a chart must tell the same story.",
                f"""
                select app_id, store, week_start, reviews, mean_rating, {_STARS} from {{batch}}
                where least({_STARS}) < 0
                    or reviews <> {_SUM_OF_STARS}
                    or (mean_rating is null) <> (coalesce(reviews, 0) = 0)
                    or abs(mean_rating * reviews - ({_WEIGHTED_STARS})) > 1e-6
                """,
            ),
            critical(
                "incomplete weeks carry NULL, complete ones a count",
                "Half a week of reviews looks like a collapse.",
                """
                select app_id, store, week_start, reviews, is_complete from {batch}
                where is_complete is distinct from (reviews is not null)
                """,
            ),
            critical(
                "an app's weeks follow each other without a gap",
                "A week without a review is a week with none, not one that is missing.",
                """
                select app_id, store, week_start, previous_week
                from (
                    select *, lag(week_start) over (
                        partition by app_id, store order by week_start
                    ) as previous_week
                    from {batch}
                )
                where week_start <> previous_week + 7
                """,
            ),
            critical(
                "there are weeks when reviews of a tracked app have landed",
                "Reviews landed but no week came of them: the build lost a store.",
                """
                select ids.app_id, ids.store, count(*) as rows_landed
                from raw.app_reviews as landed
                inner join raw.app_store_ids as ids using (store, store_app_id)
                semi join (from raw.extracts where status = 'landed') using (extract_id)
                anti join {batch} as marts using (app_id, store)
                group by all
                """,
            ),
        ),
    )


def review_themes() -> Suite:
    """One row of the batch is one theme of one app's reviews in one period."""
    return Suite(
        name="fct_review_themes",
        stage="mart",
        subject="fct_review_themes",
        batch="select * from marts.fct_review_themes",
        checks=(
            grain("app_id, theme, period"),
            critical(
                "the share is mentions by reviews, inside its interval",
                "A share must be the one that the counts beside it give.",
                """
                select * from {batch}
                where mentions not between 0 and reviews
                    or (reviews is null) <> (mentions is null)
                    or (share is null) <> (coalesce(reviews, 0) = 0)
                    or abs(share - mentions / nullif(reviews, 0)) > 1e-9
                    or share < ci_low - 1e-9 or share > ci_high + 1e-9
                    or ci_low < 0 or ci_high > 1
                    or (share is null) <> (ci_low is null) or (share is null) <> (ci_high is null)
                """,
            ),
            critical(
                "before and after the peak make the whole",
                "A review is on one side of the peak, or there is no peak.",
                """
                with sides as (
                    select app_id, theme, sum(reviews) as reviews, sum(mentions) as mentions,
                    from {batch} where period <> 'all' group by all
                )
                select whole.app_id, theme, whole.reviews, sides.reviews as reviews_of_sides,
                    whole.mentions, sides.mentions as mentions_of_sides,
                from {batch} as whole left join sides using (app_id, theme)
                where period = 'all'
                    and (whole.reviews <> sides.reviews or whole.mentions <> sides.mentions)
                """,
            ),
            critical(
                "the mean rating is of 1 to 5 stars, and there is one where there are mentions",
                "A theme that nobody mentions has no rating, least of all 0.",
                """
                select app_id, theme, period, mentions, mean_rating from {batch}
                where mean_rating not between 1 and 5
                    or (mean_rating is null) <> (coalesce(mentions, 0) = 0)
                """,
            ),
            warning(
                "some of an app's reviews speak of a theme",
                "Of 100 reviews none has a keyword: they may be in a language the seed lacks.",
                """
                select app_id, max(reviews) as reviews from {batch}
                where period = 'all' group by all
                having max(reviews) >= 100 and sum(mentions) = 0
                """,
            ),
        ),
    )


def review_samples() -> Suite:
    """One row of the batch is one quote."""
    return Suite(
        name="review_samples",
        stage="mart",
        subject="review_samples",
        batch="select * from marts.review_samples",
        checks=(
            grain("app_id, theme, sample_n"),
            critical(
                "no quote holds an address, a handle or a long number",
                "What a reviewer should not have written in public is not to be published again.",
                f"""
                select app_id, theme, sample_n from {{batch}}
                where regexp_matches(quote, '{_CONTACT}')
                """,
            ),
            critical(
                "a quote has 20 to 401 letters, and an app's theme at most three",
                "Shorter ones say nothing, longer ones nobody reads.",
                """
                select app_id, theme, sample_n, length(quote) as letters from {batch}
                where length_grapheme(quote) not between 20 and 401 or sample_n not between 1 and 3
                """,
            ),
            critical(
                "there are no more samples of a theme than mentions",
                "A quote must come from a review that is counted.",
                """
                with counted as (
                    select app_id, theme, mentions from marts.fct_review_themes
                    where period = 'all'
                )
                select app_id, theme, count(*) as samples, max(mentions) as mentions
                from {batch} left join counted using (app_id, theme)
                group by all having count(*) > coalesce(max(mentions), 0)
                """,
            ),
        ),
    )
