-- A rank where ranked and only there; no depth where nobody looked.
select *
from {{ ref('fct_app_ranks_daily') }}
where
    (state = 'ranked') <> (rank is not null)
    or (state = 'not_fetched') <> (depth is null)
    or (state = 'not_fetched') <> (snapshots = 0)
    or (state = 'not_fetched' and best_rank is not null)
    or best_rank > rank
