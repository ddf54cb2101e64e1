-- Why: each index is written with every new connection. The connections of one user are found by the index of their listing,
-- which begins with the same columns.
drop index connections_workspace;
