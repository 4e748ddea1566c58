with

days as (

    select {{ each_day("date '2000-01-01'", "date '2049-12-31'") }} as date_day

),

final as (

    select date_day
    from days

)

select * from final
