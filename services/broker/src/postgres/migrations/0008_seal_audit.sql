-- Why: whoever changes the audit must be found out. Segments of it are sealed in a chain after the fact: writers wait for nothing.

create table audit_segments (
  -- 1, 2, 3 …: a gap is a segment that somebody removed
  id bigint primary key,
  last_event_id bigint not null,
  -- for retention alone; what counts is inside the seal
  newest_at timestamptz not null,
  is_retired boolean not null default false,
  -- {after, upTo, rows, digest, previous, isRetired} sealed under ('installation', id, 'audit_segment', 0)
  sealed_segment bytea not null,
  created_at timestamptz not null default now()
);
create index audit_segments_retention on audit_segments (id) where not is_retired;
