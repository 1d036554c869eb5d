// Redaction, templates, regular expressions.
#include <gtest/gtest.h>

#include <vector>

#include "agent/contract/regex.hpp"
#include "agent/delivery/templates.hpp"
#include "agent/guard/redact.hpp"

namespace sampan {
namespace {

TEST(Redact, ValuesOfSecretOptionsAreMasked) {
  EXPECT_EQ(redact_command_line("app --password=hunter2 --port 80"), "app --password=*** --port 80");
  EXPECT_EQ(redact_command_line("app --api-key hunter2 run"), "app --api-key *** run");
  EXPECT_EQ(redact_command_line("DB_PASSWD=x app"), "DB_PASSWD=*** app");
  EXPECT_EQ(redact_command_line("AWS_ACCESS_KEY=x app"), "AWS_ACCESS_KEY=*** app");
  EXPECT_EQ(redact_command_line("app postgres://me:hunter2@db/x?a=b"), "app postgres://***@db/x?a=b");
  EXPECT_EQ(redact_command_line("curl -H Authorization: Bearer hunter2"), "curl -H Authorization: Bearer ***");
  EXPECT_EQ(redact_command_line("app --auth-token --verbose"), "app --auth-token --verbose");
  EXPECT_EQ(redact_command_line("arya-python3-2255_uWSGI worker 1"), "arya-python3-2255_uWSGI worker 1");
}

struct Form {
  std::vector<const char*> arguments;
  const char* shown;
};

// As real programs take them; what is secret holds "hunter" or stands between words that must stay.
TEST(Redact, SecretsAreHiddenArgumentByArgument) {
  const Form forms[] = {
      {{"app", "--db-password", "correct horse battery", "run"}, "app --db-password *** run"},
      {{"app", "--password=two words", "run"}, "app --password=*** run"},
      {{"app", "--password", "hunter2"}, "app --password ***"},
      {{"app", "--passwd=hunter2"}, "app --passwd=***"},
      {{"app", "--api-key", "hunter2"}, "app --api-key ***"},
      {{"app", "--apikey=hunter2", "--port=80"}, "app --apikey=*** --port=80"},
      {{"app", "--auth-token", "--verbose"}, "app --auth-token --verbose"},
      {{"mysql", "-uroot", "-phunter2", "shop"}, "mysql -uroot -p*** shop"},
      {{"/usr/bin/mysqldump", "-h", "db", "-phunter two", "shop"}, "/usr/bin/mysqldump -h db -p*** shop"},
      {{"mysqladmin", "-p", "status"}, "mysqladmin -p status"},
      {{"mariadb", "--password=hunter2"}, "mariadb --password=***"},
      {{"mysqld", "--init-file=/x", "--datadir=/d"}, "mysqld --init-file=/x --datadir=/d"},
      {{"redis-cli", "-h", "r", "-a", "hunter2", "ping"}, "redis-cli -h r -a *** ping"},
      {{"redis-cli", "-u", "redis://me:hunter2@r:6379/0"}, "redis-cli -u redis:***"},
      {{"redis-cli", "--pass", "hunter2"}, "redis-cli --pass ***"},
      {{"redis-server", "--requirepass", "hunter2"}, "redis-server --requirepass ***"},
      {{"redis-server", "--masterauth", "hunter2", "--port", "6379"}, "redis-server --masterauth *** --port 6379"},
      {{"psql", "postgresql://me:hunter2@db:5432/shop?sslmode=require"}, "psql postgresql://***@db:5432/shop?sslmode=require"},
      {{"psql", "host=db user=me password=hunter2 dbname=shop"}, "psql host=db user=me password=***"},
      {{"psql", "postgresql://db/shop?user=me&password=hunter2"}, "psql postgresql://db/shop?user=me&password=***"},
      {{"psql", "-U", "postgres", "-c", "select 1"}, "psql -U postgres -c select 1"},
      {{"env", "PGPASSWORD=hunter2", "psql"}, "env PGPASSWORD=*** psql"},
      {{"mongosh", "mongodb+srv://me:hun%40ter2@c.example/db"}, "mongosh mongodb+srv://***@c.example/db"},
      {{"mongodump", "-u", "me", "-p", "hunter2"}, "mongodump -u me -p ***"},
      {{"cqlsh", "-u", "cassandra", "-p", "hunter2", "host"}, "cqlsh -u cassandra -p *** host"},
      {{"sqlcmd", "-S", "db", "-U", "sa", "-P", "hunter2"}, "sqlcmd -S db -U sa -P ***"},
      {{"clickhouse-client", "--password", "hunter2"}, "clickhouse-client --password ***"},
      {{"curl", "-u", "me:hunter2", "https://h/"}, "curl -u me:*** https://h/"},
      {{"curl", "-ume:hunter2", "https://h/"}, "curl -ume:*** https://h/"},
      {{"curl", "--user", "me:hunter two", "https://h/"}, "curl --user me:*** https://h/"},
      {{"curl", "--proxy-user", "me:hunter2"}, "curl --proxy-user me:***"},
      {{"curl", "-H", "Authorization: Bearer hunter2", "https://h/"}, "curl -H Authorization: *** https://h/"},
      {{"curl", "--header", "Authorization: Basic bWU6aHVudGVyMg=="}, "curl --header Authorization: ***"},
      {{"curl", "-HX-Api-Key: hunter2"}, "curl -HX-Api-Key: ***"},
      {{"curl", "--header=Cookie: a=hunter2; b=c"}, "curl --header=Cookie: ***"},
      {{"curl", "-b", "session=hunter2"}, "curl -b ***"},
      {{"curl", "https://me:hunter2@h/x"}, "curl https://***@h/x"},
      {{"curl", "https://h/x?access_token=hunter2&a=b"}, "curl https://h/x?access_token=***"},
      {{"curl", "-d", "{\"password\": \"hunter2\"}"}, "curl -d {\"password\": \"***"},
      {{"curl", "--oauth2-bearer", "hunter2x"}, "curl --oauth2-bearer ***"},
      {{"wget", "--http-password=hunter2", "https://h/"}, "wget --http-password=*** https://h/"},
      {{"http", "-a", "me:hunter2", "h/x"}, "http -a me:*** h/x"},
      {{"java", "-Djavax.net.ssl.keyStorePassword=hunter2", "-jar", "a.jar"}, "java -Djavax.net.ssl.keyStorePassword=*** -jar a.jar"},
      {{"java", "-Dspring.datasource.password=hunter two", "Main"}, "java -Dspring.datasource.password=*** Main"},
      {{"java", "-jar", "a.jar", "--spring.datasource.url=jdbc:mysql://me:hunter2@db/x"}, "java -jar a.jar --spring.datasource.url=jdbc:mysql://***@db/x"},
      {{"java", "-cp", "a:b", "com.shop.auth.Server"}, "java -cp a:b com.shop.auth.Server"},
      {{"celery", "-A", "shop", "-b", "amqp://me:hunter2@mq:5672//", "worker"}, "celery -A shop -b amqp://***@mq:5672// worker"},
      {{"celery", "--broker=redis://:hunter2@r/0"}, "celery --broker=redis://***@r/0"},
      {{"gunicorn", "shop.auth.wsgi:application", "--workers", "4"}, "gunicorn shop.auth.wsgi:application --workers 4"},
      {{"gunicorn", "--env", "DJANGO_SECRET_KEY=hunter2", "shop.wsgi"}, "gunicorn --env DJANGO_SECRET_KEY=*** shop.wsgi"},
      {{"gunicorn", "-e", "SENTRY_DSN=https://hunter2@sentry.io/1"}, "gunicorn -e SENTRY_DSN=https://***@sentry.io/1"},
      {{"uwsgi", "--set-placeholder", "db_pass=hunter2"}, "uwsgi --set-placeholder db_pass=***"},
      {{"rails", "server", "-e", "production", "SECRET_KEY_BASE=hunter2"}, "rails server -e production SECRET_KEY_BASE=***"},
      {{"DATABASE_URL=postgres://me:hunter2@db/x", "puma"}, "DATABASE_URL=postgres://***@db/x puma"},
      {{"php", "artisan", "queue:work", "--password=hunter2"}, "php artisan queue:work --password=***"},
      {{"node", "server.js", "--jwt-secret", "hunter two"}, "node server.js --jwt-secret ***"},
      {{"docker", "run", "-e", "POSTGRES_PASSWORD=hunter2", "-p", "80:80", "postgres"}, "docker run -e POSTGRES_PASSWORD=*** -p 80:80 postgres"},
      {{"docker", "login", "--password", "hunter2"}, "docker login --password ***"},
      {{"helm", "install", "--set", "image.tag=1,db.auth.password=hunter2"}, "helm install --set image.tag=1,db.auth.password=***"},
      {{"kubectl", "--token=hunter2", "get", "pods"}, "kubectl --token=*** get pods"},
      {{"vault", "login", "hvs.CAESIJhunter2hunter2hunter2"}, "vault login ***"},
      {{"git", "clone", "https://ghp_0123456789abcdefghij@github.com/a/b"}, "git clone https://***@github.com/a/b"},
      {{"git", "clone", "git@github.com:a/b.git"}, "git clone git@github.com:a/b.git"},
      {{"gh", "ghp_0123456789abcdefghij0123456789abcdef"}, "gh ***"},
      {{"app", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"}, "app ***"},
      {{"app", "--jwt=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"}, "app ***"},
      {{"openssl", "enc", "-k", "hunter2", "-in", "f"}, "openssl enc -k *** -in f"},
      {{"openssl", "rsa", "-passin", "pass:hunter2"}, "openssl rsa -passin ***"},
      {{"sshpass", "-phunter2", "ssh", "h"}, "sshpass -p*** ssh h"},
      {{"sshpass", "-p", "hunter2", "ssh", "h"}, "sshpass -p *** ssh h"},
      {{"smbclient", "//h/s", "-U", "me%hunter2"}, "smbclient //h/s -U me%***"},
      {{"ldapsearch", "-D", "cn=admin", "-w", "hunter2", "-b", "dc=x"}, "ldapsearch -D cn=admin -w *** -b dc=x"},
      {{"rabbitmqctl", "add_user", "me", "hunter2"}, "rabbitmqctl add_user me ***"},
      {{"zip", "-P", "hunter2", "a.zip", "f"}, "zip -P *** a.zip f"},
      {{"7z", "a", "-phunter2", "a.7z"}, "7z a -p*** a.7z"},
      {{"gpg", "--passphrase", "hunter two", "-d", "f"}, "gpg --passphrase *** -d f"},
      {{"aws", "configure", "set", "aws_secret_access_key=hunter2"}, "aws configure set aws_secret_access_key=***"},
      {{"ssh", "-i", "/home/me/.ssh/id", "me@h"}, "ssh -i /home/me/.ssh/id me@h"},
      {{"proxy", "me:hunter2@h:8080"}, "proxy me:***@h:8080"},
      {{"server", "--listen", "0.0.0.0:8080", "--url", "http://h:80/a@b"}, "server --listen 0.0.0.0:8080 --url http://***@b"},
      {{"python3", "-u", "app.py", "--workers", "4"}, "python3 -u app.py --workers 4"},
  };
  std::size_t count = 0;
  for (const Form& form : forms) {
    std::string line;
    for (const char* argument : form.arguments) (line += argument) += '\0';
    const std::string shown = redact_command_line(line, 4096);
    EXPECT_EQ(shown, form.shown);
    EXPECT_EQ(shown.find("hunter"), std::string::npos) << shown;
    ++count;
  }
  EXPECT_GE(count, 60u);
}

// A title has lost what was one argument: its words are all there is.
TEST(Redact, TitlesAreReadWordByWord) {
  EXPECT_EQ(redact_command_line("app --password=\"two words\" run"), "app --password=\"*** *** run");
  EXPECT_EQ(redact_command_line("app --db-password hunter2 run"), "app --db-password *** run");
  EXPECT_EQ(redact_command_line(std::string("shop worker 1\0\0\0\0", 17)), "shop worker 1");
  EXPECT_EQ(redact_command_line("worker [job token=hunter2]"), "worker [job token=***");
}

TEST(Redact, LinesAreShortAndPrintable) {
  EXPECT_EQ(redact_command_line("a\nb\tc"), "a b c");
  EXPECT_EQ(redact_command_line(std::string(5000, 'x'), 10), "xxxxxxxxxx…");
  EXPECT_EQ(printable("a\x01\x7f\xff\xc3\xa9\xc2\x85", 100), "a  ?é??");
  EXPECT_EQ(printable("\xf0\x9f\x98\x80", 3), "…");
  EXPECT_EQ(printable("\xed\xa0\x80", 100), "???");   // a surrogate is no character
}

TEST(Redact, UrlsLoseWhatMayHoldCredentials) {
  EXPECT_EQ(redact_url("https://u:p@h:1/a/b?X-Amz-Signature=1#f"), "https://***@h:1/a/b");
  EXPECT_EQ(redact_url("http://h/a@b"), "http://h/a@b");
  EXPECT_EQ(redact_url("s3://bucket/{name}"), "s3://bucket/{name}");
  EXPECT_EQ(redact_url("https://token@h/a/../b"), "https://***@h/a/../b");
  EXPECT_EQ(redact_url("http://u:p/w@h/"), "***");   // libcurl's reading, not a guess
}

TEST(Secrets, AreScrubbedLongestFirst) {
  Secrets secrets;
  secrets.hide("hunter2");
  secrets.hide("Bearer hunter2");
  secrets.hide("abc");   // too short to be one
  EXPECT_EQ(secrets.scrub("x Bearer hunter2 hunter2abc"), "x *** ***abc");
}

TEST(Templates, WordsAreReplacedAndEscaped) {
  const Words words = {{"app_name", "a b/ä"}, {"time", "17"}};
  EXPECT_EQ(*expand("http://h/{app_name}/{time}", words, Escape::Url), "http://h/a%20b%2F%C3%A4/17");
  EXPECT_EQ(*expand("{app_name}", words), "a b/ä");
  EXPECT_EQ(*expand("{{time}} }", words), "{time} }");
}

TEST(Templates, AnUnknownWordIsAnError) {
  const Words words = {{"time", "17"}};
  for (const char* text : {"{tim}", "{", "{}", "{time", "{ time}"}) {
    const auto expanded = expand(text, words);
    ASSERT_FALSE(expanded) << text;
    EXPECT_NE(expanded.error().message.find("{time}"), std::string::npos);
  }
}

TEST(Templates, ValuesAreNotExpandedAgain) {
  const Words words = {{"a", "{b}"}, {"b", "x"}};
  EXPECT_EQ(*expand("{a}", words), "{b}");
}

bool matches(const char* pattern, const std::string& text) { return Regex::compile(pattern)->matches(text); }

TEST(Regex, UnderstandsPerlsShorthands) {
  EXPECT_TRUE(matches(R"(^app-\d+_worker)", "app-17_worker 3"));
  EXPECT_FALSE(matches(R"(^app-\d+_worker)", "app-x_worker 3"));
  EXPECT_TRUE(matches(R"(^[\w.-]+ \S+$)", "my-app.x 1"));
  EXPECT_TRUE(matches(R"([\d]+\.[]x])", "1.]"));
  EXPECT_TRUE(matches(R"(\D\s)", "a b"));
}

TEST(Regex, UnderstandsPosixClassesAndBytes) {
  EXPECT_TRUE(matches("^[[:alpha:]_][[:alnum:]]*$", "_x9"));
  EXPECT_TRUE(matches("^app .* worker$", "app \xff\nx worker"));   // no UTF-8, and a line break
  EXPECT_TRUE(matches("\xc3\xa4+", "x\xc3\xa4"));
  EXPECT_FALSE(matches("^b", "a\nb"));                              // the text's start, not a line's
}

TEST(Regex, RefusesWhatBacktracksOrIsBroken) {
  for (const char* pattern : {R"((a)\1)", "(?=a)b", "(?<=a)b", "(", "[", R"([\b])", "*", "a{9999999}", "((a{255}){255}){255}", "((){255}){255}",
                              "([)](a{64}){64}){2}", R"((\)(a{64}){64}){2})"}) {
    EXPECT_FALSE(Regex::compile(pattern)) << pattern;
  }
  EXPECT_EQ(Regex::compile(R"((a)\1)").error().message, R"(invalid escape sequence: \1)");
}

TEST(Regex, IntervalsOfEverydayUse) {
  EXPECT_TRUE(matches("^[({]{1,3}x{500}$|^y{500}[[:digit:])]{2}(z{30}){30}", "y" + std::string(499, 'y') + "1)" + std::string(900, 'z')));
  EXPECT_TRUE(matches(R"(^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}:\d+$)", "10.20.30.40:8080"));
  EXPECT_TRUE(matches("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "x 01234567-89ab-cdef-0123-456789abcdef"));
}

TEST(Regex, AHostileLineDoesNotHoldItUp) {
  const std::string line(4096, 'a');
  EXPECT_FALSE(matches("^(a+)+$x", line.c_str()));
  EXPECT_FALSE(matches("(a*)*b", line.c_str()));
  EXPECT_FALSE(matches("((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+b", line));
  EXPECT_FALSE(matches("(.*){1000}b", line));
}

}  // namespace
}  // namespace sampan
