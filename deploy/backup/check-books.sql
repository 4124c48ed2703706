-- Checks that the ledger is consistent, on PostgreSQL and SQLite. No statement returns a row if all is well. Run it once the ledger's
-- stream is empty (metric sluice_ledger_waiting, `/readyz` of the admin listener).

-- Requests with missing attempts, or whose cost is not the sum of their attempts.
select r.request_id, r.attempts, count(e.attempt) as entries, r.cost_pico_usd, sum(e.cost_pico_usd) as cost_of_entries
from requests r left join ledger_entries e on e.request_id = r.request_id
group by r.request_id, r.attempts, r.cost_pico_usd
having count(e.attempt) <> r.attempts or coalesce(sum(e.cost_pico_usd), 0) <> r.cost_pico_usd;

-- Calls whose request never ended.
select e.request_id, e.attempt, e.state, e.outcome
from ledger_entries e left join requests r on r.request_id = e.request_id
where r.request_id is null;

-- Messages that SQL refused.
select id, part from ledger_rejects;
