-- Which numbers have changed since the last publication, and why?
--
-- How to read it: one row per number that had been published and is another now, the largest changes first.
-- An empty result is what to expect of a first publication, and of a day on which nothing arrived late.

with

restatements as (

    select * from {{ source('published', 'restatements') }}

),

moved as (

    select
        app_id,
        mart,
        measure,
        cell,
        cells,
        old_value,
        new_value,
        cause,
        explanation
    from restatements

)

select * from moved
order by abs(coalesce(new_value, 0) - coalesce(old_value, 0)) desc, app_id, mart asc, measure asc, cell asc
