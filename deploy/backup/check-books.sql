-- What does not add up in the books, for PostgreSQL and SQLite. Every statement gives no row where all is well; ask once the ledger's
-- stream is empty (metric sluice_ledger_waiting, `/readyz` of the admin listener).

-- Requests whose attempts are not all there, or do not cost what the request did.
select r.request_id, r.attempts, count(e.attempt) as entries, r.cost_pico_usd, sum(e.cost_pico_usd) as cost_of_entries
from requests r left join ledger_entries e on e.request_id = r.request_id
group by r.request_id, r.attempts, r.cost_pico_usd
having count(e.attempt) <> r.attempts or coalesce(sum(e.cost_pico_usd), 0) <> r.cost_pico_usd;

-- Calls whose request has never ended.
select e.request_id, e.attempt, e.state, e.outcome
from ledger_entries e left join requests r on r.request_id = e.request_id
where r.request_id is null;

-- Messages that SQL has refused.
select id, part from ledger_rejects;
