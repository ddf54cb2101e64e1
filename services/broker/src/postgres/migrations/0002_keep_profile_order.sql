-- Why: the form of a static provider shows its fields in the order of its schema, and jsonb forgets the order of members.
alter table provider_profiles alter column profile type json using profile::json;
