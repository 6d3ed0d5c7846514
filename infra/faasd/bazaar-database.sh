# Makes Bazaar's role and database when the cluster is new. The image of
# PostgreSQL reads it in.
psql -v ON_ERROR_STOP=1 --username postgres \
  -v password="$(cat /run/secrets/postgres-password)" <<'SQL'
create role bazaar login password :'password';
create database bazaar owner bazaar;
SQL
