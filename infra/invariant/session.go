package invariant

// sessionRules are of who is signed in.
func sessionRules(t Terms) []Rule {
	return []Rule{
		{Name: "ended_session_is_over", Means: "a session that ended says why, and has no refresh token left", Query: `
			select format('session %s of %s ended %s (%s), with %s refresh tokens', s.session_id, s.user_id,
				coalesce(s.ended_at::text, '-'), coalesce(s.end_reason, '-'), coalesce(t.n, 0))
			from identity.session s left join (
				select session_id, count(*) n from identity.refresh_token group by session_id) t using (session_id)
			where (s.ended_at is not null) <> (s.end_reason is not null) or s.ended_at is not null and t.n > 0`},
		{Name: "ended_session_is_revoked", Means: "a session that ended is revoked for as long as an access token of it may live",
			Args: []any{t.TokenTTL.Milliseconds()}, Query: `
			select format('session %s of %s ended %s, revoked until %s', s.session_id, s.user_id, s.ended_at, coalesce(r.until::text, '-'))
			from identity.session s left join identity.revocation r using (session_id),
				lateral (select $1::bigint * interval '1 millisecond' token_ttl) l
			where s.ended_at > now() - token_ttl and (r.until is null or r.until < s.ended_at + token_ttl)`},
		// A minute less: what expires while we look may be swept already.
		{Name: "session_can_be_refreshed", Means: "a session that goes on has one refresh token that nothing has replaced", Query: `
			select format('session %s of %s until %s', s.session_id, s.user_id, s.expires_at)
			from identity.session s
			where s.ended_at is null and s.expires_at > now() + interval '1 minute' and not exists (
				select from identity.refresh_token t where t.session_id = s.session_id and t.replaced_at is null)`},
	}
}
