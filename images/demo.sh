#!/bin/sh
# The main job on a fresh Debian 12 machine, as root: dependencies, build, a real uWSGI application under load,
# a profile of all its workers, and the path of the flame graph.
. "$(dirname "$0")/setup.sh"
echo "installing the demo application's server"
install_packages uwsgi-core uwsgi-plugin-python3

echo "building build/release/sampan"
build release sampan

echo "starting a uWSGI application with 4 workers"
port=${DEMO_PORT:-18471}
output=${DEMO_OUTPUT:-$PWD/build/demo}
mkdir -p "$output"
load=
uwsgi --plugin python3 --http-socket "127.0.0.1:$port" --wsgi-file tests/workloads/uwsgi/app.py --master --processes 4 \
  --enable-threads --need-app --die-on-term --disable-logging --auto-procname --procname-prefix "arya-python3-2255_" \
  > "$output/uwsgi.log" 2>&1 &
server=$!
trap 'kill $server $load 2>/dev/null; wait' EXIT
trap 'exit 130' INT TERM
python3 -c '
import socket, sys, time
for _ in range(200):
    try: sys.exit(socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close())
    except OSError: time.sleep(0.1)
sys.exit("the server does not answer")' "$port"
python3 tests/workloads/uwsgi/load.py "$port" 14 8 > "$output/answered" &
load=$!

echo "profiling it for 10 seconds"
params="{\"app_name\": \"arya-python3\", \"version_id\": 2255, \"seconds\": 10, \"rate\": 100,
  \"formats\": [\"svg\", \"folded\"], \"output_dir\": \"$output\"}" build/release/sampan
echo "the hottest functions, by their own samples:"
newest=$(ls -t "$output"/profile-*.folded | head -1)
awk '{count = $NF; sub(/ [0-9]+$/, ""); n = split($0, f, ";"); own[f[n]] += count; all += count}
  END {for (k in own) printf "%6.1f %%  %s\n", 100 * own[k] / all, k}' "$newest" | sort -rn | head -5
echo "the flame graph: ${newest%.folded}.svg"
