# Constant bytes that are embedded: one line a file.
embed_bytes(agent params_schema_json agent/params.schema.json)
embed_bytes(agent ca_bundle_pem /etc/ssl/certs/ca-certificates.crt)
embed_bytes(agent events_schema_json agent/events.schema.json)
