.mode csv
.separator , "\n"
.import members-2025.csv old
.import members-2026.csv new
.headers on
.once members.csv
select email, name, since from (
  select lower(email) as email, name, since from new
  union all
  select lower(email), name, since from old
  where lower(email) not in (select lower(email) from new)
)
order by email;
