CREATE OR REPLACE VIEW recsys.gate_rules AS
SELECT g.id AS decision_id, g.as_of, g.challenger, g.verdict, r.place::int AS place, r.rule ->> 'name' AS rule,
       (r.rule ->> 'passed')::boolean AS passed, (r.rule ->> 'value')::float8 AS value,
       (r.rule ->> 'bound')::float8 AS bound, r.rule ->> 'leads_to' AS leads_to, r.rule ->> 'words' AS words,
       coalesce(NOT (r.rule ->> 'passed')::boolean AND r.rule ->> 'leads_to' = g.verdict, false) AS decisive
FROM recsys.gate_decision_rows AS g
CROSS JOIN LATERAL jsonb_array_elements(g.rules) WITH ORDINALITY AS r(rule, place);

GRANT SELECT ON recsys.gate_rules TO recsys_reader, recsys_writer;

COMMENT ON VIEW recsys.gate_rules IS
  'Every rule of every verdict of the release gate, one row each. value and bound are of the rule''s own kind, a confidence here, a mean there: compare them within a row, or of one rule over the nights.';
COMMENT ON COLUMN recsys.gate_rules.decision_id IS 'The verdict: id of gate_decisions.';
COMMENT ON COLUMN recsys.gate_rules.as_of IS 'Night that judged.';
COMMENT ON COLUMN recsys.gate_rules.challenger IS 'Release that wanted to be champion.';
COMMENT ON COLUMN recsys.gate_rules.verdict IS 'The verdict of all rules: promote, reject, hold or refuse.';
COMMENT ON COLUMN recsys.gate_rules.place IS 'Place of the rule in the verdict, from 1.';
COMMENT ON COLUMN recsys.gate_rules.rule IS 'Name of the rule; slice:GROUP for a guarded group of users.';
COMMENT ON COLUMN recsys.gate_rules.passed IS 'Whether it was met.';
COMMENT ON COLUMN recsys.gate_rules.value IS 'What was seen; null where the rule is not about a number.';
COMMENT ON COLUMN recsys.gate_rules.bound IS 'What is allowed; null where the rule is not about a number.';
COMMENT ON COLUMN recsys.gate_rules.leads_to IS 'Verdict of failing it; null for a figure that another rule sums up.';
COMMENT ON COLUMN recsys.gate_rules.words IS 'The rule and what was seen, in words.';
COMMENT ON COLUMN recsys.gate_rules.decisive IS 'True for a failed rule that the verdict follows from.';
